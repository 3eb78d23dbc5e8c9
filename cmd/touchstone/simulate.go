package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/internal/serve/rogue"
)

// simulateCommand writes what synthetic devices send.
type simulateCommand struct {
	program *program
	vice    string
	device  []string
	devices int
	rogues  int
	rate    hashRateFlag
	hours   float64
	shares  float64
	fixed   float64
	seed    uint64
	start   string
	model   string
	output  string
}

const simulateUsage = `Writes what devices would have sent, computed by chance from their hash rate:
exact streams of shares, for trying out an audit on devices whose vices are
known. Nothing is hashed: every line says "synthetic":true, and so does a report
made of them. The same flags give the same lines.

The lines are those of 'touchstone verify shares --json', with sent (when the
share's job was sent), clean and network (the difficulty of a block), and
between them lines on connections, {"time":…,"session":…,"worker":…,
"event":"open"|"close"}, and on claims, {…,"claim":H/s,"source":"synthetic"}:
once a minute a device is asked what it computes. All are in order of time. A
pool sends a job every 30 s, finds a new block every 10 minutes on average, and
adjusts the difficulty to the shares that come.

Usage:
  touchstone simulate [FLAGS]

Flags:
  --vice V             what is wrong with the device, such as skim=0.05; 'list'
                       shows all; default: nothing
  --rate R             what it really computes, in H/s, kH/s … EH/s; default
                       100TH/s
  --hours H            how long it works; default 24
  --devices N          so many devices, asic-1, asic-2 …; default 1, or none
                       where --device is given
  --rogues K           only the first K of these have the vice; default: all
  --device NAME:VICE   a device of this name with this vice, such as
                       shed7:withhold=1e6,q=0.5; repeated; of the same rate
  --shares-per-minute N
                       what the pool aims at; default 20
  --difficulty D       that of all jobs; default: the pool adjusts it
  --model M            the chips, which show in nonces: BM1362, BM1366, BM1368,
                       BM1370, BM1387, or a machine such as "Antminer S9";
                       default: nonces show nothing
  --start TIME         when, such as 2026-01-01T00:00:00Z, the default
  --seed N             another number is other luck; default 1
  --output FILE        where to write, -o for short; default: standard output
  --help               this text

Exit code: 0 written, 2 it could not be written, or was interrupted; FILE is
then not there.

Example:
  touchstone simulate --vice skim=0.05 --rate 100TH/s --hours 48 -o skim.jsonl
`

func (s *simulateCommand) command() *cobra.Command {
	s.rate = 100e12
	cmd := &cobra.Command{
		Use:  "simulate",
		RunE: s.run,
	}
	setUsage(cmd, simulateUsage)
	f := cmd.Flags()
	f.StringVar(&s.vice, "vice", "", "")
	f.StringArrayVar(&s.device, "device", nil, "")
	f.IntVar(&s.devices, "devices", 0, "")
	f.IntVar(&s.rogues, "rogues", 0, "")
	f.Var(&s.rate, "rate", "")
	f.Float64Var(&s.hours, "hours", 24, "")
	f.Float64Var(&s.shares, "shares-per-minute", 20, "")
	f.Float64Var(&s.fixed, "difficulty", 0, "")
	f.StringVar(&s.model, "model", "", "")
	f.StringVar(&s.start, "start", "", "")
	f.Uint64Var(&s.seed, "seed", 1, "")
	f.StringVarP(&s.output, "output", "o", "-", "")
	return cmd
}

func (s *simulateCommand) run(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(cmd, "simulate takes no argument, not %s", shorten(args[0]))
	}
	if s.vice == "list" || s.vice == "help" {
		s.list()
		return nil
	}
	all, err := s.fleet(cmd)
	if err != nil {
		return err
	}
	streams := make([]*rogue.Stream, len(all))
	for i := range all {
		if streams[i], err = all[i].Stream(); err != nil {
			return s.cure(cmd, err)
		}
	}
	if s.output == "-" {
		_, _, err = s.write(cmd.Context(), s.program.con, streams)
		return err
	}
	return s.file(cmd.Context(), streams)
}

// cure says what to do about an error of package rogue.
func (s *simulateCommand) cure(cmd *cobra.Command, err error) error {
	if strings.HasPrefix(err.Error(), "vice ") {
		return withHint(err, "'touchstone simulate --vice list' shows all, with examples")
	}
	return usageError(cmd, "%w", err)
}

// list prints the vices.
func (s *simulateCommand) list() {
	con := s.program.con
	for _, v := range rogue.Vices() {
		con.Print("%s", v.Example)
		words := v.Words
		if v.Honest && v.Name != "honest" {
			words += "; an honest device"
		}
		for _, line := range wrap(words, 72) {
			con.Print("    %s", line)
		}
	}
}

// maxSynthetic bounds how many devices there are: each takes some memory.
const maxSynthetic = 100_000

// fleet returns the devices that are asked for.
func (s *simulateCommand) fleet(cmd *cobra.Command) ([]rogue.Synthetic, error) {
	if !(s.hours > 0 && s.hours <= 87_600) {
		return nil, usageError(cmd, "--hours: %g is not above 0 and at most 87600", s.hours)
	}
	base := rogue.Synthetic{
		Rate: float64(s.rate), SharesPerMinute: s.shares, Difficulty: s.fixed, Model: s.model, Seed: s.seed,
		Duration: time.Duration(s.hours * float64(time.Hour)),
	}
	if s.start != "" {
		at, err := time.Parse(time.RFC3339, s.start)
		if err != nil || at.Year() < 2009 || at.Year() > 2100 {
			return nil, usageError(cmd, "--start: %s is not a time such as 2026-01-01T00:00:00Z", shorten(s.start))
		}
		base.Start = at
	}
	if err := base.Check(); err != nil {
		return nil, s.cure(cmd, err)
	}
	vice := rogue.Vice{}
	if s.vice != "" {
		var err error
		if vice, err = rogue.ParseVice(s.vice); err != nil {
			return nil, s.cure(cmd, err)
		}
	}
	n := s.devices
	if n == 0 && (len(s.device) == 0 || s.vice != "") && !cmd.Flags().Changed("devices") {
		n = 1
	}
	switch k := s.rogues; {
	case n < 0 || n+len(s.device) > maxSynthetic:
		return nil, usageError(cmd, "--devices: %d is not a number from 0 to %d", n, maxSynthetic)
	case k < 0 || k > n:
		return nil, usageError(cmd, "--rogues: %d of %d devices", k, n)
	case k > 0 && s.vice == "":
		return nil, withHint(errors.New("--rogues says how many devices have the vice, and none is given"), "add --vice, such as --vice skim=0.05")
	case n+len(s.device) == 0:
		return nil, usageError(cmd, "no device is asked for")
	}
	rogues := n
	if cmd.Flags().Changed("rogues") {
		rogues = s.rogues
	}
	all := make([]rogue.Synthetic, 0, n+len(s.device))
	names := map[string]bool{}
	for i := range n {
		d := base
		d.Name = fmt.Sprintf("asic-%d", i+1)
		if i < rogues {
			d.Vice = vice
		}
		names[d.Name] = true
		all = append(all, d)
	}
	for _, text := range s.device {
		name, what, _ := strings.Cut(text, ":")
		if name == "" || len(name) > 200 || names[name] {
			return nil, usageError(cmd, "--device: %s: want another name for each device, then : and its vice", shorten(text))
		}
		names[name] = true
		d := base
		d.Name = name
		if what != "" {
			var err error
			if d.Vice, err = rogue.ParseVice(what); err != nil {
				return nil, s.cure(cmd, err)
			}
		}
		all = append(all, d)
	}
	rogue.Stagger(all)
	return all, nil
}

// write writes the lines of the devices, and returns how many there are, and
// how many of them are shares.
func (s *simulateCommand) write(ctx context.Context, w io.Writer, streams []*rogue.Stream) (lines, shares int64, err error) {
	m := rogue.Merge(streams...)
	buf := make([]byte, 0, 64<<10)
	hours := s.hours
	for n := 0; ; n++ {
		e := m.Next()
		if e != nil {
			before := len(buf)
			if buf = e.AppendLine(buf); len(buf) > before {
				lines++
			}
			if e.What == rogue.Sent {
				shares++
			}
		}
		if e == nil || len(buf) > 60<<10 {
			if _, err := w.Write(buf); err != nil {
				return lines, shares, err
			}
			buf = buf[:0]
		}
		if e == nil {
			return lines, shares, nil
		}
		if n%4096 == 0 {
			if ctx.Err() != nil {
				return lines, shares, errors.New("interrupted: not all was written")
			}
			done := e.Time.Sub(streams[0].Start()).Hours()
			s.program.con.Status(time.Now(), func(int) string {
				return fmt.Sprintf("%s, %.0f %%", count(lines, "line"), math.Floor(100*min(max(done/hours, 0), 1)))
			})
		}
	}
}

// file writes a file. Until it is whole it has another name.
func (s *simulateCommand) file(ctx context.Context, streams []*rogue.Stream) error {
	name := s.output
	f, err := createFile(name)
	if err != nil {
		return err
	}
	lines, shares, err := s.write(ctx, f, streams)
	s.program.con.ClearStatus()
	if ctx.Err() != nil && err != nil {
		f.finish(err)
		return err
	}
	if err := f.finish(err); err != nil {
		return err
	}
	s.program.con.Print("%s: %s, %s of %s", display(name), count(lines, "line"), count(shares, "share"), count(int64(len(streams)), "device"))
	return nil
}
