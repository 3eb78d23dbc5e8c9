package telemetry

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// cgminer reads what the dialects of the cgminer API have in common, and then what each has of its own.
func (d *document) cgminer() {
	r := d.reading
	for _, s := range d.all("SUMMARY") {
		d.summary(&s)
	}
	for _, s := range d.all("VERSION") {
		fillText(&r.Model, s.text("Type", "PROD", "MODEL"))
		fillText(&r.Firmware, s.text("Miner", "LVERSION", "CGVERSION", "LUXminer", "BDMiner", "GCMiner", "BMMiner", "CGMiner"))
	}
	switch r.Dialect {
	case DialectBmminer:
		fillText(&r.Vendor, "Bitmain")
	case DialectAvalon:
		fillText(&r.Vendor, "Canaan")
		d.avalon()
	case DialectWhatsminer:
		fillText(&r.Vendor, "MicroBT")
		d.whatsminer()
	case DialectSealminer:
		fillText(&r.Vendor, "Bitdeer")
		d.sealminer()
	case DialectAuradine:
		fillText(&r.Vendor, "Auradine")
		d.auradine()
	case DialectLuxOS:
		d.luxOS()
	}
	d.antminer() // of LuxOS too, and of firmware that we don't know
	d.devs()
	for _, s := range d.all("POOLS") {
		d.pool(&s)
	}
	d.activePool()
}

// summary reads SUMMARY.
func (d *document) summary(s *section) {
	r := d.reading
	fill(&d.when, s.when)
	fill(&r.Clock, s.when)
	fill(&r.Uptime, s.seconds("Elapsed"))
	rate, field := s.averageRate()
	if math.IsNaN(r.Rate) && !math.IsNaN(rate) {
		r.Rate, r.RateField, r.RateWindow = rate, field, s.seconds("Elapsed")
	}
	fill(&r.RateNow, s.rate(mega, "HS RT"))
	fill(&r.RateNow, s.rate(giga, "GHS 5s"))
	fill(&r.RateNow, s.rate(mega, "MHS 5s", "MHS 20s", "MHS 30s"))
	fill(&r.RateNow, s.rate(kilo, "KHS 5s"))
	fill(&r.Nominal, s.rate(giga, "Factory GHS"))
	fill(&r.Accepted, s.count("Accepted"))
	fill(&r.Rejected, s.count("Rejected"))
	fill(&r.Stale, s.count("Stale"))
	fill(&r.DifficultyAccepted, s.count("Difficulty Accepted"))
	fill(&r.DifficultyRejected, s.count("Difficulty Rejected"))
	fill(&r.DifficultyStale, s.count("Difficulty Stale"))
	fill(&r.Best, s.scaled(maxCount, "Best Share"))
	fill(&r.HardwareErrors, s.count("Hardware Errors"))
	fill(&r.Utility, s.number(1e9, "Utility"))
	fill(&r.Power, s.number(maxWatts, "Power_RT", "Power"))
	for _, name := range []string{"Chip Temp Max", "Temperature"} {
		most(&r.Temperature, s.number(maxDegrees, name))
	}
	d.totalHashes(s, rate, field)
}

// averageRate returns the average since the start, in hashes per second, and the name of its field.
func (s *section) averageRate() (rate float64, field string) {
	rate = math.NaN()
	for _, f := range []struct {
		name string
		unit float64
	}{{"GHS av", giga}, {"MHS av", mega}, {"KHS av", kilo}, {"THS av", tera}} {
		if s.node.get(f.name) == nil {
			continue
		}
		v := s.rate(f.unit, f.name)
		switch {
		case math.IsNaN(v):
		case math.IsNaN(rate):
			rate, field = v, f.name
		case !near(v, rate, 0.01):
			s.doc.odd("%s: %s says %s and %s says %s", s.command, field, rateText(rate), f.name, rateText(v))
		}
	}
	return rate, field
}

// totalHashes compares the average with the total that some firmware gives.
func (d *document) totalHashes(s *section, rate float64, field string) {
	total := s.number(maxRate, "Total MH") * mega
	elapsed := s.seconds("Elapsed")
	switch {
	case !(total > 0 && elapsed > 100 && rate > 0):
	case near(total, rate, 0.01):
		d.odd("%s: Total MH is no total but the average rate once more", s.command)
	case !near(total/elapsed, rate, 0.01):
		d.odd("%s: Total MH over Elapsed is %s, %s says %s", s.command, rateText(total/elapsed), field, rateText(rate))
	}
}

// near says that a and b, positive, differ by a part of at most p.
func near(a, b, p float64) bool { return math.Abs(a-b) <= p*math.Max(math.Abs(a), math.Abs(b)) }

// rateText is a rate for people.
func rateText(rate float64) string {
	for _, u := range []struct {
		unit float64
		name string
	}{{1e18, "EH/s"}, {1e15, "PH/s"}, {tera, "TH/s"}, {giga, "GH/s"}, {mega, "MH/s"}} {
		if rate >= u.unit {
			return strconv.FormatFloat(rate/u.unit, 'g', 4, 64) + " " + u.name
		}
	}
	return strconv.FormatFloat(rate, 'g', 4, 64) + " H/s"
}

// devs reads DEVS, of which each is a board, or stands for all of them.
func (d *document) devs() {
	r := d.reading
	var boards []Board
	working := false
	chips := 0.0
	for _, s := range d.all("DEVS") {
		b := newBoard(boardName(&s))
		b.Rate, _ = s.averageRate()
		fill(&b.Rate, s.rate(mega, "MHS 15m", "MHS 5m", "MHS 1m", "MHS 5s", "MHS 20s"))
		fill(&b.Rate, s.rate(giga, "GHS 5s"))
		b.Nominal = s.rate(mega, "Nominal MHS")
		fill(&b.Nominal, s.rate(giga, "Factory GHS"))
		b.Chips = s.number(1e6, "Effective Chips")
		b.Errors = s.count("Hardware Errors")
		b.Accepted = s.count("Accepted")
		working = working || b.Rate > 0
		if b.Chips > 0 {
			chips += b.Chips
		}
		most(&r.Temperature, s.number(maxDegrees, "Chip Temp Max"))
		most(&r.Temperature, s.number(maxDegrees, "Temperature"))
		d.lastShare(&s, false)
		boards = append(boards, b)
		if len(boards) == maxBoards {
			break
		}
	}
	if chips > 0 {
		fill(&r.Chips, chips)
	}
	if len(boards) == 0 || len(r.Boards) > 0 {
		return
	}
	if !working && r.Rate > 0 {
		d.odd("devs: all boards say 0, and the summary %s: not counted as boards", rateText(r.Rate))
		return
	}
	r.Boards = boards
	d.sumBoards()
}

// maxBoards is how many boards are told.
const maxBoards = 256

// boardName returns what a board of DEVS is called.
func boardName(s *section) string {
	name := s.text("Name")
	if id := s.text("ASC", "DEV", "PGA", "ID"); id != "" {
		name = strings.TrimSpace(name + " " + id)
	}
	return name
}

// sumBoards fills in what only the boards say.
func (d *document) sumBoards() {
	r := d.reading
	rate, nominal := 0.0, 0.0
	for _, b := range r.Boards {
		rate += b.Rate
		nominal += b.Nominal
	}
	if len(r.Boards) == 0 {
		return
	}
	fill(&r.Nominal, nominal)
	if math.IsNaN(r.Rate) && !math.IsNaN(rate) {
		r.Rate, r.RateField = rate, fmt.Sprintf("sum of %d boards", len(r.Boards))
	}
}

// pool reads one of POOLS.
func (d *document) pool(s *section) {
	if len(d.reading.Pools) == maxPools {
		return
	}
	p := Pool{
		URL: s.text("URL", "Stratum URL"), User: s.text("User"), Status: s.text("Status"),
		Active: s.yes("Stratum Active"), Priority: s.number(1e6, "Priority"),
		Difficulty: positive(s.scaled(maxCount, "Stratum Difficulty")), Accepted: s.count("Accepted"),
	}
	fill(&p.Difficulty, positive(s.number(maxCount, "Work Difficulty")))
	if v, ok := s.lastDifficulty(); ok {
		fill(&p.Difficulty, v)
	}
	fill(&p.Difficulty, positive(s.scaled(maxCount, "Diff"))) // rounded: "524K" is 524288
	d.reading.Pools = append(d.reading.Pools, p)
	most(&d.reading.MaxDifficulty, p.Difficulty)
	if p.Active || p.Accepted > 0 {
		d.lastShare(s, true)
		fill(&d.reading.Best, s.scaled(maxCount, "Best Share"))
	}
}

// maxPools is how many pools are told.
const maxPools = 64

// positive returns v if it is above 0, or NaN.
func positive(v float64) float64 {
	if v > 0 {
		return v
	}
	return math.NaN()
}

// activePool fills in what the pool in use says of the work.
func (d *document) activePool() {
	r := d.reading
	for _, p := range r.Pools {
		if p.Active {
			fill(&r.LastDifficulty, p.Difficulty)
		}
	}
	for _, s := range d.all("DEVS") {
		if v, ok := s.lastDifficulty(); ok {
			fill(&r.LastDifficulty, v)
			most(&r.MaxDifficulty, v)
		}
	}
	d.severalPools()
	if math.IsNaN(r.Accepted) {
		sum := 0.0
		for _, p := range r.Pools {
			sum += p.Accepted
		}
		if len(r.Pools) > 0 {
			r.Accepted = sum
		}
	}
}

// severalPools notes that more than one pool had shares: one after the other, or at the same time, as firmware does that mines for its
// maker too.
func (d *document) severalPools() {
	var names []string
	for _, p := range d.reading.Pools {
		if p.Accepted > 0 && len(names) < 4 {
			names = append(names, fmt.Sprintf("%s as %s", quoteOdd(p.URL), quoteOdd(p.User)))
		}
	}
	if len(names) > 1 {
		d.odd("pools: several of them had shares of it: %s", strings.Join(names, ", "))
	}
}

// lastDifficulty returns the difficulty of the last share, unless that field holds a time, as it does in some firmware.
func (s *section) lastDifficulty() (float64, bool) {
	v := s.count("Last Share Difficulty")
	if !(v > 0) {
		return v, false
	}
	for _, t := range []float64{s.count("Last Valid Work"), s.when} {
		if t > 1e9 && math.Abs(v-t) < 86400 {
			s.doc.odd("%s: Last Share Difficulty %.0f is a time, and not counted", s.command, v)
			return v, false
		}
	}
	return v, true
}

// lastShare reads when the last share was, which is spelled in four ways: as a time of day since 1970, as the machine's uptime then, and as
// an age in hours, minutes and seconds; 0 and "0" are none.
func (d *document) lastShare(s *section, pool bool) {
	n, _ := s.field("Last Share Time")
	if n == nil {
		return
	}
	if age, ok := clockAge(n); ok {
		least(&d.reading.LastShareAge, age)
		return
	}
	at := s.number(maxTime, "Last Share Time")
	if !(at > 0) {
		return
	}
	var age float64
	if at < longAgo && (s.when >= longAgo || math.IsNaN(s.when)) {
		age = d.reading.Uptime - at // on the clock that counts from the start
	} else {
		now := s.when
		if d.when > at {
			now = d.when
		}
		age = now - at
	}
	switch {
	case math.IsNaN(age):
	case age < -5 || age > maxSeconds:
		d.odd("%s: Last Share Time %.0f is not before now", s.command, at)
	default:
		least(&d.reading.LastShareAge, math.Max(age, 0))
	}
}

// least keeps the smaller: of several boards and pools, the last share is that of the one that found it last.
func least(dst *float64, v float64) {
	if math.IsNaN(*dst) || v < *dst {
		*dst = v
	}
}

const (
	// longAgo is a time, in 2001, before which no machine of those that mine today was built.
	longAgo = 1e9
	// maxTime is the year 5138.
	maxTime = 1e11
)

// clockAge reads an age such as "0:00:03".
func clockAge(n *node) (float64, bool) {
	if n.kind != kindString {
		return 0, false
	}
	parts := strings.Split(strings.TrimSpace(n.text), ":")
	if len(parts) != 3 {
		return 0, false
	}
	age := 0.0
	for _, p := range parts {
		v, err := strconv.ParseUint(p, 10, 24)
		if err != nil {
			return 0, false
		}
		age = 60*age + float64(v)
	}
	return age, true
}
