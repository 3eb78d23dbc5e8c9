package stratum

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// clientModel says what a Client has to do, as simply as it can be said.
type clientModel struct {
	subscribed, authorized, shown bool
	en1                           string // as bytes
	en2Size                       int
	difficulty                    string // as written, "" before any came
	asked, mask                   uint32
	granted                       bool
	job                           *toldJob
	known                         []*toldJob // of its block, since the last that was of another
	done                          map[string]bool
	waiting                       map[uint64]uint64 // numbers by id
	numbers                       uint64
}

type toldJob struct {
	id, prev, coinb1, en1 string
	en2Size               int
	difficulty            string
	clean, early          bool
	dead                  bool
}

// same reports whether two jobs have the same headers.
func (j *toldJob) same(k *toldJob) bool {
	return j.prev == k.prev && j.coinb1 == k.coinb1 && j.en1 == k.en1 && j.en2Size == k.en2Size
}

// offer is what the Handler has to be told now, "" for nothing.
func (m *clientModel) offer() string {
	if m.job == nil || !m.subscribed || !m.authorized {
		return ""
	}
	m.shown = true
	d := m.job.difficulty
	if d == "" {
		d = "1"
	}
	return fmt.Sprintf("%s %s %s %x+%d %s %08x clean=%t", m.job.id, m.job.prev, m.job.coinb1, m.job.en1, m.job.en2Size, targetOf(d), m.mask&m.asked, m.job.clean)
}

func targetOf(difficulty string) work.Target {
	exact, err := work.ParseDifficulty(difficulty)
	if err != nil {
		panic(err)
	}
	t, err := work.DifficultyTarget(exact)
	if err != nil {
		panic(err)
	}
	return t
}

func (m *clientModel) notify(j *toldJob) string {
	j.en1, j.en2Size, j.early, j.difficulty = m.en1, m.en2Size, !m.subscribed, m.difficulty
	if before := m.job; before != nil {
		if before.prev != j.prev {
			j.clean = true
			for _, k := range m.known {
				k.dead = true
			}
			m.known = nil
		}
		if before.clean && !m.shown {
			j.clean = true
		}
	}
	for i, k := range m.known {
		if k.id != j.id {
			continue
		}
		if k.same(j) {
			// The same again.
			k.clean, k.difficulty = j.clean, j.difficulty
			m.job = k
			return m.offer()
		}
		j.clean, k.dead = true, true
		m.known = append(m.known[:i], m.known[i+1:]...)
		break
	}
	m.known = append(m.known, j)
	m.job = j
	return m.offer()
}

func (m *clientModel) setMask(mask uint32) string {
	before := m.mask & m.asked
	m.mask, m.granted = mask, true
	if now := mask & m.asked; m.shown && now != before {
		m.job.clean = before&^now != 0
		return m.offer()
	}
	return ""
}

// FuzzClient sends what pools send in any order, and holds what the Client does against the model.
func FuzzClient(f *testing.F) {
	f.Add([]byte{0, 0, 1, 4, 2, 0, 3, 2, 6, 0, 9, 1, 9, 1, 10, 0, 9, 2})
	f.Add([]byte{6, 0, 6, 1, 1, 8, 6, 0x42, 2, 0, 6, 7, 9, 1, 5, 1, 9, 1, 6, 0x93, 9, 4, 10, 1, 10, 1})
	f.Add([]byte{1, 4, 2, 0, 6, 0, 3, 1, 5, 2, 5, 0, 4, 9, 6, 1, 6, 0x21, 9, 0x11, 9, 0x12, 7, 0, 7, 1, 7, 2, 8, 0, 8, 3})
	f.Add(append([]byte{1, 4}, bytes.Repeat([]byte{7, 0}, 101)...)) // until the client gives up
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 400)]
		h := &heard{}
		m := &clientModel{asked: work.MaskBIP320, done: map[string]bool{}, waiting: map[uint64]uint64{}}
		c := NewClient(ClientConfig{Worker: "w", Password: "x", UserAgent: "u", VersionMask: m.asked, Handler: h})
		decodable(t, c.Start(nil, talkTime))
		var jobs []*toldJob // as they were offered
		configured := false
		unread := 0 // lines in succession
		masks := []uint32{0x1fffe000, 0, 0x00006000, 0xffffffff, 0x00002000}
		for len(script) >= 2 {
			op, arg := script[0]%11, script[1]
			script = script[2:]
			line, want, answer, offered := "", "", "", len(h.works)
			ignored := 0
			switch op {
			case 0:
				line = fmt.Sprintf(`{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"%08x"},"error":null}`, masks[int(arg)%len(masks)])
				if !configured {
					configured = true
					want = m.setMask(masks[int(arg)%len(masks)])
				}
			case 1:
				en1 := strings.Repeat("e", int(arg>>4))
				line = fmt.Sprintf(`{"id":2,"result":[[],"%x",%d],"error":null}`, en1, arg&15)
				if m.subscribed {
					break
				}
				m.subscribed, m.en1, m.en2Size = true, en1, int(arg&15)
				if j := m.job; j != nil {
					j.en1, j.en2Size = m.en1, m.en2Size
					m.known = []*toldJob{j}
				}
				answer = askExtranonce + "\n" + askAuthorize + "\n"
			case 2:
				line = `{"id":4,"result":true,"error":null}`
				if m.subscribed && !m.authorized {
					m.authorized = true
					want = m.offer()
				}
			case 3:
				m.difficulty = []string{"1e-9", "0.5", "1", "123456789.125"}[arg%4]
				line = `{"id":null,"method":"mining.set_difficulty","params":[` + m.difficulty + `]}`
				if j := m.job; j != nil && j.difficulty == "" {
					j.difficulty = m.difficulty
					if m.shown {
						j.clean = false
						want = m.offer()
					}
				}
			case 4:
				if !m.subscribed {
					continue // no pool does, and there is no meaning in it
				}
				m.en1, m.en2Size = strings.Repeat("f", int(arg>>4)), int(arg&15)
				line = fmt.Sprintf(`{"id":null,"method":"mining.set_extranonce","params":["%x",%d]}`, m.en1, m.en2Size)
			case 5:
				mask := masks[int(arg)%len(masks)]
				line = fmt.Sprintf(`{"id":null,"method":"mining.set_version_mask","params":["%08x"]}`, mask)
				want = m.setMask(mask)
			case 6:
				j := &toldJob{id: string(rune('a' + arg&3)), prev: fmt.Sprintf("%02x", arg>>2&1), coinb1: fmt.Sprintf("%02x", arg>>3&3), clean: arg>>5&1 == 1}
				line = strings.Replace(notifyOf(j.id, j.coinb1, j.clean), strings.Repeat("00", 32), strings.Repeat(j.prev, 32), 1)
				want = m.notify(j)
			case 7:
				line = []string{"{", `{"id":null,"method":"mining.notify","params":["a"]}`, `{"id":null,"method":"mining.set_difficulty","params":[0]}`,
					`{"id":null,"method":"mining.set_version_mask","params":["0"]}`, `{"id":null,"method":"client.reconnect","params":["h","x"]}`,
					`{"id":null,"error":[20,"no"],"result":null}`}[arg%6]
				ignored = 1
				if arg%6 == 0 && !c.understood {
					continue // ends the connection
				}
			case 8:
				line = []string{`{"id":9000,"method":"mining.ping"}`, `{"id":"v","method":"client.get_version"}`, `{"id":null,"method":"mining.ping"}`,
					`{"id":3,"result":true,"error":null}`, `{"id":"zz","result":true}`}[arg%5]
				answer = []string{`{"id":9000,"result":"pong","error":null}` + "\n", `{"id":"v","result":"u","error":null}` + "\n", "", "", ""}[arg%5]
			case 9: // a share is found
				if len(jobs) == 0 {
					continue
				}
				i := int(arg>>4) % len(jobs)
				w, j := h.works[i], jobs[i]
				version := []uint32{0x20000000, 0x20002000, 0x20010000}[arg&3%3]
				nonce := uint32(arg >> 2 & 1)
				s := &work.Solution{Extranonce: []byte(string(w.Extranonce1) + strings.Repeat("2", w.Job.Extranonce2Size)), Version: version, Time: w.Job.Time, Nonce: nonce}
				key := fmt.Sprint(j.prev, j.coinb1, j.en1, j.en2Size, version, nonce)
				out, number := c.Submit(nil, w, s, talkTime.Add(time.Duration(m.numbers)))
				if j.dead || (version^0x20000000)&^m.mask != 0 || m.done[key] {
					require.Zero(t, number)
					require.Empty(t, out)
					continue
				}
				m.done[key] = true
				m.numbers++
				require.Equal(t, m.numbers, number)
				bits := ""
				if m.granted {
					bits = fmt.Sprintf(`,"%08x"`, version&m.mask)
				}
				id := 4 + m.numbers
				m.waiting[id] = number
				require.Equal(t, fmt.Sprintf(`{"id":%d,"method":"mining.submit","params":["w","%s","%x","691f2840","%08x"%s]}`+"\n",
					id, j.id, strings.Repeat("2", j.en2Size), nonce, bits), string(out))
				continue
			case 10: // a share is answered
				id := 5 + uint64(arg>>1)
				line = fmt.Sprintf(`{"id":%d,"result":true,"error":null}`, id)
				reply := Reply{Accepted: true}
				if arg&1 == 1 {
					line = fmt.Sprintf(`{"id":%d,"result":null,"error":[21,"stale",null]}`, id)
					reply = Reply{Code: 21, HasCode: true, Words: "stale"}
				}
				number, waits := m.waiting[id]
				delete(m.waiting, id)
				heardBefore := len(h.replies)
				unread = 0
				_, err := c.Receive(nil, []byte(line), talkTime)
				require.NoError(t, err)
				if waits {
					require.Equal(t, reply, h.replies[number])
					heardBefore++
				}
				require.Len(t, h.replies, heardBefore)
				h.ignored = nil // an error for a request that was never made
				continue
			}
			out, err := c.Receive(nil, []byte(line), talkTime)
			if line != "{" {
				unread = 0
			} else if unread++; unread == 100 {
				require.Error(t, err, "nothing can be read any more")
				return
			}
			require.NoError(t, err, line)
			require.Equal(t, answer, string(out), line)
			require.Len(t, h.ignored, ignored, line)
			h.ignored = nil
			if want == "" {
				require.Len(t, h.works, offered, line)
			} else {
				require.Len(t, h.works, offered+1, line)
				w := h.works[offered]
				require.Equal(t, want, fmt.Sprintf("%s %02x %x %x+%d %s %08x clean=%t", w.Job.ID, w.Job.PrevBlock[0], w.Job.CoinbasePrefix,
					w.Extranonce1, w.Job.Extranonce2Size, w.Target, w.Job.VersionMask, w.Clean), line)
				jobs = append(jobs, m.job)
			}
			require.Equal(t, m.shown, c.Ready())
			count, _ := c.Outstanding()
			require.Len(t, m.waiting, count)
		}
	})
}
