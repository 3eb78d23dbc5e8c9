package devnet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/node"
)

// childFolder names, in the environment, the folder in which TestKill, run by
// startChild, is to mine until it is killed, instead of testing.
const childFolder = "DEVNET_TEST_CHILD"

// mineUntilKilled is the process that TestKill kills: it prints each height once
// Submit has accepted the block.
func mineUntilKilled(t *testing.T, dir string) {
	fmt.Println("child")
	// A replay in small batches leaves something in the database to be killed over;
	// what it has not written down for minutes is lost in any case.
	c, err := open(dir, Options{Params: easyParams()}, 5)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	height, _ := c.Tip()
	fmt.Println("height", height)
	for {
		mineBlocks(t, c, 1)
		height, _ := c.Tip()
		fmt.Println("height", height)
	}
}

// startChild runs mineUntilKilled on dir and returns what it prints, by line.
func startChild(t *testing.T, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary, "-test.run=^TestKill$", "-test.v=false")
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, bufio.NewScanner(out)
}

// heightIn returns the height that a line of the child's announces.
func heightIn(t *testing.T, line string) (int32, bool) {
	t.Helper()
	require.NotContains(t, line, "error")
	text, ok := strings.CutPrefix(line, "height ")
	if !ok {
		return 0, false
	}
	height, err := strconv.ParseInt(text, 10, 32)
	require.NoError(t, err)
	return int32(height), true
}

// TestKill kills a mining process at ten random moments. The chain must open each
// time, at a height not below the last one announced.
func TestKill(t *testing.T) {
	if dir := os.Getenv(childFolder); dir != "" {
		mineUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	announced := int32(0)
	for round := range 10 {
		cmd, lines := startChild(t, dir)
		// In the first rounds perhaps before the chain is open.
		for left := rand.IntN(1 + 10*round); left >= 0 && lines.Scan(); left-- {
			if height, ok := heightIn(t, lines.Text()); ok {
				require.GreaterOrEqual(t, height, announced, "round %d", round)
				announced = height
			}
		}
		for range rand.IntN(20_000) {
			runtime.Gosched()
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // what it announced before the kill reached it
			if height, ok := heightIn(t, lines.Text()); ok {
				announced = max(announced, height)
			}
		}
		cmd.Wait()

		if round%3 == 2 {
			c := openEasy(t, dir, nil)
			height, _ := c.Tip()
			require.GreaterOrEqual(t, height, announced)
			mineBlocks(t, c, 1)
			announced = height + 1
			require.NoError(t, c.Close())
		}
	}
	require.NotZero(t, announced)
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	c := openEasy(t, dir, nil)
	mineBlocks(t, c, 1)

	// From this process.
	_, err := Open(dir, easyOptions(nil))
	var inUse *node.InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, os.Getpid(), inUse.PID)

	// From another.
	cmd, lines := startChild(t, dir)
	var out strings.Builder
	for lines.Scan() {
		fmt.Fprintln(&out, lines.Text())
	}
	require.NoError(t, cmd.Wait())
	want := fmt.Sprintf("data folder %s is in use by another touchstone (process %d)", dir, os.Getpid())
	require.Contains(t, out.String(), want)

	mineBlocks(t, c, 1) // undisturbed
	require.NoError(t, c.Close())
	c = openEasy(t, dir, nil)
	height, _ := c.Tip()
	require.EqualValues(t, 2, height)
}

func TestMineAndContinue(t *testing.T) {
	clock := newSlowClock()
	dir := filepath.Join(t.TempDir(), "made", "by", "open")
	c := openEasy(t, dir, clock)
	height, hash := c.Tip()
	require.Zero(t, height)
	require.Equal(t, *easyParams().GenesisHash, hash)
	for range 50 {
		clock.seconds.Add(3)
		mineBlocks(t, c, 1)
	}
	_, hash = c.Tip()
	addr := c.PayoutAddress()
	require.NoError(t, c.Close())
	require.NoError(t, c.Close(), "again")

	c = openEasy(t, dir, clock)
	height, again := c.Tip()
	require.EqualValues(t, 50, height)
	require.Equal(t, hash, again)
	require.Equal(t, addr, c.PayoutAddress())
	require.EqualValues(t, 51, getJob(t, c).Height)
	mineBlocks(t, c, 1)
}

func TestClosed(t *testing.T) {
	c := openEasy(t, t.TempDir(), nil)
	mineBlocks(t, c, 1)
	require.NoError(t, c.Close())
	_, err := c.Template(context.Background(), "")
	require.ErrorIs(t, err, ErrClosed)
	height, _ := c.Tip()
	require.EqualValues(t, 1, height)
}

func TestPayout(t *testing.T) {
	dir := t.TempDir()
	c := openEasy(t, dir, nil)
	require.True(t, strings.HasPrefix(c.PayoutAddress(), "tsd1q"), c.PayoutAddress())
	addr, err := address.DecodeAddress(c.PayoutAddress(), c.Params())
	require.NoError(t, err)
	want, err := txscript.PayToAddrScript(addr)
	require.NoError(t, err)
	require.Equal(t, want, c.PayoutScript())
	c.PayoutScript()[0] ^= 0xff
	require.Equal(t, want, c.PayoutScript(), "a caller's change must not reach the chain")

	key := filepath.Join(dir, "payout.key")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(key)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm())
		made := filepath.Join(t.TempDir(), "new")
		openEasy(t, made, nil)
		info, err = os.Stat(made)
		require.NoError(t, err)
		require.EqualValues(t, 0o700, info.Mode().Perm())
	}
	require.NoError(t, c.Close())
	secret, err := os.ReadFile(key)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"empty":         "",
		"cut":           string(secret[:20]),
		"of mainnet":    "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn",
		"something":     "not a key",
		"binary":        "\x00\xff\xfe",
		"two of a kind": string(secret) + string(secret),
	} {
		require.NoError(t, os.WriteFile(key, []byte(text), 0o600))
		_, err := Open(dir, easyOptions(nil))
		require.ErrorContains(t, err, key, name)
		require.ErrorContains(t, err, "rename it", name)
		if len(text) > 0 {
			require.NotContains(t, err.Error(), text, "the key must not be printed")
		}
	}
	require.NoError(t, os.WriteFile(key, secret, 0o600))
	c = openEasy(t, dir, nil)
	require.Equal(t, addr.EncodeAddress(), c.PayoutAddress())
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(file, easyOptions(nil))
	require.ErrorContains(t, err, file)

	// Another network's folder, with and without its block file.
	c := openEasy(t, filepath.Join(dir, "chain"), nil)
	mineBlocks(t, c, 1)
	require.NoError(t, c.Close())
	_, err = Open(filepath.Join(dir, "chain"), Options{})
	require.ErrorContains(t, err, "another chain")
}

// TestConcurrent uses one chain from many goroutines; of the blocks they find for
// one height exactly one is accepted.
func TestConcurrent(t *testing.T) {
	c := openEasy(t, t.TempDir(), nil)
	const workers, blocks = 4, 10
	var wg sync.WaitGroup
	accepted := make([]int, workers)
	for w := range workers {
		wg.Go(func() {
			for range blocks {
				j := getJob(t, c)
				b := j.block(t, []byte{txscript.OP_1 + byte(w)})
				answer := submit(t, c, b)
				if answer.Accepted {
					accepted[w]++
				} else if answer.Reason != "stale-prevblk" {
					t.Errorf("worker %d: %+v", w, answer)
				}
				c.Tip()
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range accepted {
		total += n
	}
	height, _ := c.Tip()
	require.EqualValues(t, total, height)
	require.Positive(t, total)
}

// Close may come while others are at work: they finish or get ErrClosed.
func TestCloseWhileAtWork(t *testing.T) {
	dir := t.TempDir()
	c := openEasy(t, dir, nil)
	var wg sync.WaitGroup
	started := make(chan struct{}, 4)
	for w := range 4 {
		wg.Go(func() {
			for first := true; ; first = false {
				text, err := c.Template(context.Background(), "")
				if first {
					started <- struct{}{}
				}
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Errorf("worker %d: %v", w, err)
					}
					return
				}
				io.Discard.Write(text)
			}
		})
	}
	for range 4 {
		<-started
	}
	require.NoError(t, c.Close())
	wg.Wait()
}
