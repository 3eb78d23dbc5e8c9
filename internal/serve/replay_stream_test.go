package serve

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// streamTime is when generated recordings begin.
const streamTime = 1_790_000_000

// streamOptions say what a generated recording is like.
type streamOptions struct {
	submits  int
	sessions int // 1 if 0
	branches int
	coinbase int // bytes, about 250 if 0
	twice    int // of a thousand, so many are submitted twice
}

// stream is a recording that is made while it is read: sessions that take turns, a share with its reply every ten milliseconds, a
// job for all every thirty seconds, another block every ten minutes. Nearly every hash meets the difficulty.
type stream struct {
	o       streamOptions
	made    int
	begun   bool
	now     time.Time
	jobs    int
	pending []byte
	rest    []byte
	branch  string
	coinb1  string
	coinb2  string
}

func newStream(o streamOptions) *stream {
	o.sessions = max(o.sessions, 1)
	if o.coinbase == 0 {
		o.coinbase = 250
	}
	branch := make([]string, o.branches)
	for i := range branch {
		branch[i] = fmt.Sprintf(`"%064x"`, i+1)
	}
	half := strings.Repeat("5a", (o.coinbase-12)/2)
	return &stream{
		o: o, now: time.Unix(streamTime, 0).UTC(), branch: "[" + strings.Join(branch, ",") + "]", coinb1: half, coinb2: half,
	}
}

func (s *stream) Read(b []byte) (n int, err error) {
	for n < len(b) {
		if len(s.rest) == 0 {
			s.pending = s.pending[:0]
			switch {
			case !s.begun:
				s.begin()
			case s.made < s.o.submits:
				s.share()
			case n == 0:
				return 0, io.EOF
			default:
				return n, nil
			}
			s.rest = s.pending
		}
		k := copy(b[n:], s.rest)
		n += k
		s.rest = s.rest[k:]
	}
	return n, nil
}

func (s *stream) line(session int, from string) {
	s.pending = append(s.pending, `{"time":"`...)
	s.pending = s.now.AppendFormat(s.pending, timeFormat)
	s.pending = append(s.pending, `","session":"s`...)
	s.pending = strconv.AppendInt(s.pending, int64(session), 10)
	s.pending = append(append(append(s.pending, `","from":"`...), from...), `","message":`...)
}

func (s *stream) end(message string) { s.pending = append(append(s.pending, message...), "}\n"...) }

func (s *stream) begin() {
	s.begun = true
	for i := range s.o.sessions {
		for _, l := range [][2]string{
			{"miner", `{"id":1,"method":"mining.subscribe","params":["bench"]}`},
			{"pool", fmt.Sprintf(`{"id":1,"result":[[],"%08x",8],"error":null}`, i)},
			{"miner", `{"id":2,"method":"mining.configure","params":[["version-rolling"],{"version-rolling.mask":"1fffe000"}]}`},
			{"pool", `{"id":2,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}`},
			{"miner", fmt.Sprintf(`{"id":3,"method":"mining.authorize","params":["worker%d",""]}`, i)},
			{"pool", `{"id":3,"result":true,"error":null}`},
			{"pool", `{"id":null,"method":"mining.set_difficulty","params":[2.4e-10]}`},
		} {
			s.line(i, l[0])
			s.end(l[1])
		}
	}
	s.job()
}

// job sends all sessions a job.
func (s *stream) job() {
	s.jobs++
	for i := range s.o.sessions {
		s.line(i, "pool")
		s.end(fmt.Sprintf(`{"id":null,"method":"mining.notify","params":["job%d","%064x","%s","%s",%s,"20000000","1703255b","%08x",%t]}`,
			s.jobs, s.jobs/20, s.coinb1, s.coinb2, s.branch, s.now.Unix(), s.jobs%20 == 0))
	}
}

// share sends a share and its reply.
func (s *stream) share() {
	if s.made > 0 && s.made%3000 == 0 {
		s.job()
	}
	n := s.made
	if n > 0 && n%1000 < s.o.twice {
		n--
	}
	session := n % s.o.sessions
	s.line(session, "miner")
	var word [4]byte
	hex32 := func(v uint32) {
		binary.BigEndian.PutUint32(word[:], v)
		s.pending = append(hex.AppendEncode(append(s.pending, `,"`...), word[:]), '"')
	}
	s.pending = strconv.AppendInt(append(s.pending, `{"id":`...), int64(s.made)+4, 10)
	s.pending = append(s.pending, `,"method":"mining.submit","params":["worker`...)
	s.pending = strconv.AppendInt(s.pending, int64(session), 10)
	s.pending = strconv.AppendInt(append(s.pending, `","job`...), int64(s.jobs), 10)
	s.pending = append(s.pending, '"')
	s.pending = fmt.Appendf(s.pending, `,"%016x"`, n>>8)
	hex32(uint32(s.now.Unix()))
	hex32(uint32(n) * 2654435761)
	hex32(uint32(n%65536) << 13)
	s.end("]}")
	s.line(session, "pool")
	s.pending = strconv.AppendInt(append(s.pending, `{"id":`...), int64(s.made)+4, 10)
	s.end(`,"result":true,"error":null}`)
	s.made++
	s.now = s.now.Add(10 * time.Millisecond)
}
