package rogue

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Vice is what a device does that it should not, or does honestly and looks guilty of. The zero Vice is an honest device. Make others
// with ParseVice.
type Vice struct {
	// Name is one of those that Vices lists, "" for none.
	Name string
	// X is its value: a part of the shares or of the rate from 0 to 1, a difficulty, a number of a chip. Vices says which.
	X float64
	// Q is how likely a share is withheld; Weak what part of the work a weak chip, core or cell does not do.
	Q, Weak float64
	// For is how long something lasts, Every how often it begins, At when it begins first, counted from the device's start.
	For, Every, At time.Duration
	// Interleaved says that work is taken share by share, not in slices of time.
	Interleaved bool

	text string
}

// Honest says that the device sends all that it finds, when it finds it, and claims what it does: it has no vice, or one that only
// looks like it.
func (v *Vice) Honest() bool {
	k := kindOf(v.Name)
	return v.Name == "" || k != nil && k.honest
}

// String returns the text that ParseVice reads.
func (v *Vice) String() string {
	if v.Name == "" {
		return "honest"
	}
	return v.text
}

// ViceHelp is a line for people about one vice.
type ViceHelp struct {
	Name    string // as in ParseVice
	Example string
	Words   string // what such a device does
	Honest  bool   // it only looks guilty
}

// Vices returns all that ParseVice knows.
func Vices() []ViceHelp {
	list := make([]ViceHelp, len(viceKinds))
	for i, k := range viceKinds {
		list[i] = ViceHelp{Name: k.name, Example: k.example, Words: k.words, Honest: k.honest}
	}
	return list
}

// viceKind is what a text may say about a vice.
type viceKind struct {
	name    string
	example string
	words   string
	honest  bool
	// value says what stands after the name, and how it is checked: "" nothing, "part", "difficulty", "duration", "number", "times",
	// "factor". A bare name takes def.
	value    string
	def      float64
	optional bool // the value may be missing
	options  []string
	finish   func(v *Vice) error
}

var viceKinds = []viceKind{
	{name: "honest", example: "honest", words: "none: sends all that it finds, and claims what it does", honest: true},
	{name: "skim", example: "skim=0.02,every=1h", value: "part", options: []string{"slice", "every"}, finish: finishSkim,
		words: "works for somebody else for this part of the time: share by share, or with every or slice in slices of time"},
	{name: "elsewhere", example: "elsewhere=0.2,every=1h", value: "part", options: []string{"slice", "every"}, finish: finishElsewhere,
		words: "calls a second pool and works for it for this part of the time, in slices (default: every hour)"},
	{name: "withhold", example: "withhold=1e6,q=0.5", value: "difficulty", options: []string{"q"},
		words: "keeps back shares from this difficulty up, each with probability q (default 1)"},
	{name: "overreport", example: "overreport=0.1", value: "factor", words: "claims this part more than it computes"},
	{name: "drop", example: "drop=0.3,at=24h", value: "part", options: []string{"at", "for"},
		words: "does this part less from a moment on (default: half of the time), for good or for a while"},
	{name: "gap", example: "gap=90s,every=6h", value: "duration", options: []string{"every", "at"}, finish: finishGap,
		words: "is silent for so long, again and again (default: every 6 h)"},
	{name: "chip", example: "chip=17,weak=0.5", value: "number", options: []string{"weak"},
		words: "a chip, counted from 0, does this part less than its work (default 1: it is dead); an audit sees the dead one from the start only of S9, of others one that falls silent later"},
	{name: "core", example: "core=3,weak=0.5", value: "number", options: []string{"weak"},
		words: "the cores of that number, in all chips, do this part less than their work (default 1)"},
	{name: "cell", example: "cell=40,weak=0.5", value: "number", options: []string{"weak"},
		words: "one of 128 parts of the nonce space has this part less than its shares (default 1); an audit sees it with --model uniform"},
	{name: "replay", example: "replay=0.05", value: "part", words: "sends this part of its shares twice"},
	{name: "hoard", example: "hoard=50", value: "times", words: "keeps shares of so many times the required difficulty until the next block"},
	{name: "regular", example: "regular=4", value: "count", def: 4, optional: true,
		words: "sends shares more evenly than luck has it: each is the fourth (or so) of four times as many"},
	{name: "burst", example: "burst=30s", value: "duration", words: "holds shares back and sends them together"},
	{name: "stale", example: "stale=0.05", value: "part", words: "goes on with old work after new blocks, so that this part of its shares is stale"},
	{name: "invalid", example: "invalid=0.05", value: "part", words: "this part of what it sends does not have the difficulty it should"},
	{name: "filter", example: "filter=65536", value: "difficulty", honest: true, words: "its hardware sends no share below this difficulty"},
	{name: "offline", example: "offline=10m,every=6h", value: "duration", options: []string{"every", "at"}, honest: true, finish: finishGap,
		words: "loses its connection for so long, again and again (default: every 6 h)"},
}

func kindOf(name string) *viceKind {
	for i := range viceKinds {
		if viceKinds[i].name == name {
			return &viceKinds[i]
		}
	}
	return nil
}

// ParseVice reads a vice, such as "skim=0.02,every=1h". The error says what would do.
func ParseVice(text string) (Vice, error) {
	head, rest, _ := strings.Cut(strings.TrimSpace(text), ",")
	name, value, given := strings.Cut(head, "=")
	k := kindOf(name)
	if k == nil {
		names := make([]string, len(viceKinds))
		for i := range viceKinds {
			names[i] = viceKinds[i].name
		}
		return Vice{}, fmt.Errorf("vice %q is not known: want one of %s", clip(name), strings.Join(names, ", "))
	}
	v := Vice{Name: name, Q: 1, Weak: 1, X: k.def, text: strings.TrimSpace(text)}
	if err := v.value(k, value, given); err != nil {
		return Vice{}, err
	}
	for option := range strings.SplitSeq(rest, ",") {
		if rest == "" {
			break
		}
		if err := v.option(k, option); err != nil {
			return Vice{}, err
		}
	}
	if k.finish != nil {
		if err := k.finish(&v); err != nil {
			return Vice{}, err
		}
	}
	if name == "honest" {
		return Vice{}, nil
	}
	return v, nil
}

// value takes what stands after the name.
func (v *Vice) value(k *viceKind, text string, given bool) (err error) {
	fail := func(want string) error {
		return fmt.Errorf("vice %s=%s: want %s, such as %s", k.name, clip(text), want, k.example)
	}
	switch {
	case k.value == "" && given:
		return fmt.Errorf("vice %s takes no value, not %q", k.name, clip(text))
	case k.value == "" || !given && k.optional:
		return nil
	case !given:
		return fmt.Errorf("vice %s needs a value, such as %s", k.name, k.example)
	case k.value == "duration":
		if v.For, err = time.ParseDuration(text); err != nil || v.For <= 0 || v.For > maxSpan {
			return fail("a duration of at most ten years")
		}
		return nil
	}
	v.X, err = strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if strings.HasSuffix(text, "%") {
		v.X /= 100
	}
	if err != nil || math.IsNaN(v.X) {
		return fail("a number")
	}
	switch k.value {
	case "part":
		if v.X <= 0 || v.X > 1 {
			return fail("a part above 0, at most 1")
		}
		if v.X == 1 && (k.name == "invalid" || k.name == "stale") {
			return fail("a part above 0, below 1")
		}
	case "difficulty":
		if v.X <= 0 || v.X > 1e30 {
			return fail("a difficulty above 0")
		}
	case "factor":
		if v.X <= -1 || v.X == 0 || v.X > 1e6 {
			return fail("how much more, above -1 and not 0")
		}
	case "times":
		if v.X < 1 || v.X > 1e12 {
			return fail("a factor of at least 1")
		}
	case "count":
		if v.X != math.Trunc(v.X) || v.X < 2 || v.X > 1000 {
			return fail("a whole number from 2 to 1000")
		}
	case "number":
		if v.X != math.Trunc(v.X) || v.X < 0 || v.X > 1e6 {
			return fail("a whole number from 0")
		}
	}
	return nil
}

// maxSpan bounds durations: what lies within can be added up without overflow.
const maxSpan = 10 * 366 * 24 * time.Hour

// option takes one name=value after the first.
func (v *Vice) option(k *viceKind, text string) error {
	name, value, _ := strings.Cut(strings.TrimSpace(text), "=")
	if !slices.Contains(k.options, name) {
		if len(k.options) == 0 {
			return fmt.Errorf("vice %s has no options, not %q", k.name, clip(text))
		}
		return fmt.Errorf("vice %s has no option %q: want %s", k.name, clip(name), strings.Join(k.options, " or "))
	}
	switch name {
	case "q", "weak":
		x, err := strconv.ParseFloat(value, 64)
		if err != nil || !(x > 0 && x <= 1) {
			return fmt.Errorf("vice %s, %s=%s: want a part above 0, at most 1", k.name, name, clip(value))
		}
		if name == "q" {
			v.Q = x
		} else {
			v.Weak = x
		}
	default:
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 || d > maxSpan {
			return fmt.Errorf("vice %s, %s=%s: want a duration above 0, such as 90s or 1h", k.name, name, clip(value))
		}
		switch name {
		case "slice", "for":
			v.For = d
		case "every":
			v.Every = d
		case "at":
			v.At = d
		}
	}
	return nil
}

// finishSkim fits part, slice and period together.
func finishSkim(v *Vice) error {
	switch {
	case v.For == 0 && v.Every == 0:
		v.Interleaved = true
	case v.For == 0:
		v.For = time.Duration(v.X * float64(v.Every))
	case v.Every == 0:
		v.Every = time.Duration(float64(v.For) / v.X)
	case math.Abs(v.For.Seconds()/v.Every.Seconds()-v.X) > 0.01*v.X:
		return fmt.Errorf("vice %s: %v every %v is a part of %.4g, not %g: leave out slice or every",
			v.Name, v.For, v.Every, v.For.Seconds()/v.Every.Seconds(), v.X)
	}
	if !v.Interleaved && (v.For < time.Millisecond || v.Every > maxSpan || v.Every < v.For) {
		return fmt.Errorf("vice %s: %v every %v: want a millisecond or more in ten years or less, such as %s=0.02,every=1h", v.Name, v.For, v.Every, v.Name)
	}
	return nil
}

// finishElsewhere is finishSkim, always in slices.
func finishElsewhere(v *Vice) error {
	if v.For == 0 && v.Every == 0 {
		v.Every = time.Hour
	}
	return finishSkim(v)
}

// finishGap fits length and period together.
func finishGap(v *Vice) error {
	if v.Every == 0 {
		v.Every = max(6*time.Hour, 2*v.For)
	}
	if v.Every <= v.For {
		return fmt.Errorf("vice %s: %v every %v leaves no time to work: want a longer every", v.Name, v.For, v.Every)
	}
	return nil
}

// clip shortens a text for an error.
func clip(s string) string {
	if len(s) > 32 {
		s = s[:32] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}
