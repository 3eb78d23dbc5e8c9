package serve

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// recorderDir names the folder for the process that is killed.
const recorderDir = "TOUCHSTONE_TEST_RECORDER"

// recordAndSay records shares from several goroutines, and says which are written, until it is killed.
func recordAndSay(dir string) {
	r, err := OpenRecorder(RecorderConfig{Dir: dir, MaxFileSize: 100_000})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var mu sync.Mutex
	for d := range 8 {
		go func() {
			t := r.Open(fmt.Sprint(d), Opening{}, time.Now())
			for i := 0; ; i++ {
				ticket := t.Saw(stratum.FromMiner, fmt.Appendf(nil, `{"id":%d,"method":"mining.submit","params":["w","1","","",""]}`, i), time.Now())
				r.Written(ticket)
				if r.written.Load() >= uint64(ticket) { // else it was waited for long enough
					mu.Lock()
					fmt.Println(d, i)
					mu.Unlock()
				}
				t.Saw(stratum.FromPool, fmt.Appendf(nil, `{"id":%d,"result":true}`, i), time.Now())
			}
		}()
	}
	select {}
}

// What Written waited for is in the files, however the process ends.
func TestRecorderKilled(t *testing.T) {
	if dir := os.Getenv(recorderDir); dir != "" {
		recordAndSay(dir)
		return
	}
	for range 3 {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run", "^TestRecorderKilled$")
		cmd.Env = append(os.Environ(), recorderDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		said := bufio.NewScanner(out)
		count := 0
		acknowledged := map[string]bool{}
		for said.Scan() {
			if fields := strings.Fields(said.Text()); len(fields) == 2 {
				if _, err := strconv.Atoi(fields[1]); err == nil {
					acknowledged[said.Text()] = true
				}
			}
			if count++; count == 3000 {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.Error(t, cmd.Wait())
		require.GreaterOrEqual(t, len(acknowledged), 1000)
		text := strings.Join(recordedFiles(t, dir), "")
		recorded := map[string]bool{}
		r := stratum.NewTranscript(strings.NewReader(text))
		for {
			l, err := r.Next()
			if err != nil {
				break
			}
			var m stratum.Message
			if stratum.Decode(l.Bytes(), &m) == nil && m.Method == stratum.MethodSubmit {
				recorded[fmt.Sprintf("%s %s", l.Session, m.ID)] = true
			}
		}
		for share := range acknowledged {
			require.True(t, recorded[share], share)
		}
	}
}

// Nothing is left running by a recorder that was closed, and what is recorded by many goroutines is complete and in order.
func TestRecorderConcurrent(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	r, err := OpenRecorder(RecorderConfig{Dir: dir, MaxFileSize: 20_000})
	require.NoError(t, err)
	const sessions, lines = 20, 100
	var all sync.WaitGroup
	for s := range sessions {
		track := r.Open(fmt.Sprint("s", s), Opening{}, time.Now())
		var both sync.WaitGroup
		for _, from := range []stratum.From{stratum.FromMiner, stratum.FromPool} {
			both.Go(func() {
				for i := range lines {
					r.Written(track.Saw(from, fmt.Appendf(nil, `{"id":null,"result":%d}`, i), time.Now()))
				}
			})
		}
		all.Go(func() { both.Wait(); track.Close(time.Now()) })
	}
	all.Wait()
	require.NoError(t, r.Close())
	files := recordedFiles(t, dir)
	require.Greater(t, len(files), 1)
	next := map[string]int{}
	for _, l := range transcriptLines(t, strings.Join(files, "")) {
		if key := l.Session + l.From; l.From != "touchstone" && !l.Restated {
			require.Equal(t, fmt.Sprintf(`{"id":null,"result":%d}`, next[key]), l.Text)
			next[key]++
		}
	}
	require.Len(t, next, 2*sessions)
	for key, n := range next {
		require.Equal(t, lines, n, key)
	}
	for i := 0; runtime.NumGoroutine() > before && i < 1000; i++ {
		time.Sleep(10 * time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// Whatever is recorded can be read again, and has no password.
func FuzzRecorder(f *testing.F) {
	f.Add([]byte(`{"id":1,"method":"mining.subscribe"}`+"\n"+`{"id":1,"result":[[],"00",4]}`), uint64(1))
	f.Add([]byte(notifyOf("1")+"\n"+notifyOf("2")+"\n\xff\n{\"id\":1,\"id\":2}\n[[[[\n"), uint64(77))
	f.Fuzz(func(t *testing.T, text []byte, choices uint64) {
		const secret = "hunter2-hunter2"
		r := newRotator(t)
		r.now = time.Unix(streamTime, 0)
		track := r.w.Open("a", Opening{}, r.now)
		authorize := fmt.Sprintf(`{"id":7,"method":"mining.authorize","params":["w",%q]}`, secret)
		var want []string
		for i, line := range strings.Split(strings.ReplaceAll(string(text), secret, ""), "\n") {
			from := stratum.FromMiner
			switch choice := choices >> (i * 3 % 60) & 7; {
			case choice < 3:
				from = stratum.FromPool
			case choice == 3:
				track.Saw(from, []byte(authorize), r.now)
				want = append(want, strings.ReplaceAll(authorize, secret, ""))
			case choice == 4:
				r.work()
				r.rotate(i%2 == 0)
				r.work()
			case choice == 5:
				track.Saw(from, []byte(authorize[:len(authorize)-3]), r.now)
				want = append(want, "")
			}
			track.Saw(from, []byte(line), r.now)
			line = strings.TrimSuffix(line, "\r")
			if from == stratum.FromPool {
				want = append(want, line)
			} else {
				want = append(want, "?")
			}
		}
		track.Close(r.now)
		r.work()
		all := strings.Join(r.disk.texts(), "")
		require.NotContains(t, all, secret)
		var got []string
		for _, l := range transcriptLines(t, all) {
			require.NotContains(t, l.Text, secret)
			if l.From != "touchstone" && !l.Restated {
				got = append(got, l.Text)
			}
		}
		require.Len(t, got, len(want))
		for i := range want {
			if want[i] != "?" {
				require.Equal(t, want[i], got[i])
			}
		}
		_ = NewReplay(ReplayConfig{}).Recording(t.Context(), "a", strings.NewReader(all))
	})
}

func notifyOf(id string) string {
	return fmt.Sprintf(`{"id":null,"method":"mining.notify","params":[%q,"%064x","01","02",[],"20000000","1703255b","%08x",true]}`, id, 7, streamTime)
}
