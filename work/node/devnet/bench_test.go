package devnet

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkReplay builds the database from a block file of 1000 blocks.
func BenchmarkReplay(b *testing.B) {
	const blocks = 1000
	clock := newSlowClock()
	dir := minedDir(b, clock, blocks)
	for b.Loop() {
		b.StopTimer()
		removeDatabase(b, dir)
		b.StartTimer()
		c, err := Open(dir, easyOptions(clock))
		require.NoError(b, err)
		require.NoError(b, c.Close())
	}
	b.ReportMetric(float64(blocks*b.N)/b.Elapsed().Seconds(), "blocks/s")
}

// BenchmarkTemplate makes templates, as a miner with an empty nonce space would ask
// for them.
func BenchmarkTemplate(b *testing.B) {
	c := openEasy(b, b.TempDir(), nil)
	for b.Loop() {
		_, err := c.Template(context.Background(), "")
		require.NoError(b, err)
	}
}

// BenchmarkSubmit accepts blocks, each synced to the disk.
func BenchmarkSubmit(b *testing.B) {
	clock := newSlowClock()
	c := openEasy(b, b.TempDir(), clock)
	for b.Loop() {
		b.StopTimer()
		clock.seconds.Add(3)
		raw := serialize(b, getJob(b, c).block(b, c.PayoutScript()))
		b.StartTimer()
		answer, err := c.Submit(context.Background(), raw)
		require.NoError(b, err)
		require.True(b, answer.Accepted)
	}
}
