package audit

import (
	"slices"
	"strings"
)

// Layout says where mining chips of one kind write into the nonce which core found it, and which chip of a chain. Not to be changed.
//
// A chip counts in its own byte order: what its drivers call bits 31 to 25 of the nonce are the upper seven bits of the first byte of
// the nonce in the header, which is the last byte of the hex number that Stratum submits.
type Layout struct {
	// Chip is the kind of chip, Machine the machine if its number of chips is known, "" for any with such chips.
	Chip, Machine string
	// Cores is how many cores a chip has (0 of Uniform), Chips how many chips a board, Boards how many boards the machine; 0 if not known. The boards of
	// a machine number their chips alike: nonces don't tell one from the other.
	Cores, Chips, Boards int
	// Seen says that somebody looked at nonces of real machines and found it so; otherwise it is only how drivers read them.
	Seen bool
	// Source names where it is from: repositories with the path of the file.
	Source string

	core nonceField
	// weights of the values of the core field: how much of a chip's work each does, in any unit. 0 is a core that does not exist.
	weights [128]float64
	// chip is where the chip's address stands, shifted to the right by chipShift to number the chips. Chips in no such place (told apart by
	// the stretch of the counter in which they look) have fieldAddress too: it holds the counter's upper bits then, which can be learned.
	chip      nonceField
	chipShift uint
}

// nonceField is a group of seven bits of a nonce, as the number that Stratum submits.
type nonceField uint8

const (
	fieldLast     nonceField = iota // upper seven bits of the last byte: the core of BM136x and BM1370
	fieldAddress                    // the next seven: the chip's address without its lowest bit
	fieldThird                      // upper seven bits of the third byte
	fieldSecond                     // upper seven bits of the second byte
	fieldFirst                      // upper seven bits of the first byte: the coarse position in the nonce space
	fieldFirstLow                   // lower seven bits of the first byte: the core of BM1387
	nonceFields
)

// fieldCells is how many values a field has.
const fieldCells = 128

const (
	espMiner = "github.com/bitaxeorg/ESP-Miner:"
	mujina   = "github.com/256foundation/mujina:mujina-miner/src/asic/bm13xx/REFERENCE.md"
	bmminer  = "github.com/Zwilla/bmminer-cgminer492:driver-btm-c5.c"
)

func evenCores(n int) (w [128]float64) {
	for k := range n {
		w[k] = 1
	}
	return w
}

// The BM1362's core 64 has five of the eight sub-cores that the others have.
func coresBM1362() (w [128]float64) {
	for k := range 64 {
		w[k] = 8
	}
	w[64] = 5
	return w
}

// The BM1387 leaves out the numbers 57 to 63: its cores are two banks of 57. That makes the white stripes in plots of the nonces of
// blocks from 2016 on.
func coresBM1387() (w [128]float64) {
	for k := range 57 {
		w[k], w[k+64] = 1, 1
	}
	return w
}

var (
	layoutBM1362 = Layout{Chip: "BM1362", Cores: 65, Seen: true, Source: mujina, core: fieldLast, weights: coresBM1362(), chip: fieldAddress}
	layoutBM1366 = Layout{Chip: "BM1366", Cores: 112, Seen: true, Source: mujina + ", " + espMiner + "components/asic/bm1366.c",
		core: fieldLast, weights: evenCores(112), chip: fieldAddress}
	layoutBM1368 = Layout{Chip: "BM1368", Cores: 80, Source: espMiner + "components/asic/bm1368.c, main/device_config.h",
		core: fieldLast, weights: evenCores(80), chip: fieldAddress}
	layoutBM1370 = Layout{Chip: "BM1370", Cores: 128, Source: espMiner + "components/asic/bm1370.c, main/device_config.h, " + mujina,
		core: fieldLast, weights: evenCores(128), chip: fieldAddress}
	layoutBM1387 = Layout{Chip: "BM1387", Cores: 114, Seen: true, Source: bmminer,
		core: fieldFirstLow, weights: coresBM1387(), chip: fieldLast, chipShift: 1}
)

// Uniform is the model of machines that are known to search all of the nonce space evenly, such as programs for tests: no chips that are
// sold do.
const Uniform = "uniform"

var layoutUniform = Layout{Chip: Uniform, Seen: true, Source: "known of the machine", core: fieldFirst, weights: evenCores(128), chip: nonceFields}

// layouts are the chips, then the machines whose chips were counted in captures of their serial lines (mujina) or whose drivers
// say it (bmminer): with boards of three to a machine.
var layouts = []*Layout{
	&layoutBM1362, &layoutBM1366, &layoutBM1368, &layoutBM1370, &layoutBM1387, &layoutUniform,
	layoutBM1362.machine("Antminer S19j Pro", 126),
	layoutBM1366.machine("Antminer S19 XP", 110),
	layoutBM1366.machine("Antminer S19k Pro", 77),
	layoutBM1387.machine("Antminer S9", 63),
	layoutBM1387.machine("Antminer S9i", 63),
	layoutBM1387.machine("Antminer S9j", 63),
}

func (l Layout) machine(name string, chips int) *Layout {
	l.Machine, l.Chips, l.Boards = name, chips, 3
	return &l
}

// kin are what machines with known chips are called, flat (see flatName). Their chips are told apart by their own counts.
var (
	kin = []struct {
		name string
		chip *Layout
	}{
		{"nerdqaxe++", &layoutBM1370}, {"nerdqaxe+", &layoutBM1368}, // the longer first
		{"bitaxegamma", &layoutBM1370}, {"bitaxesupra", &layoutBM1368}, {"bitaxeultra", &layoutBM1366}, {"bitaxehex", &layoutBM1366},
		{"emberone", &layoutBM1362},
	}
	antminers = map[string]*Layout{"antminers21": &layoutBM1368, "antminers21pro": &layoutBM1370}
)

// Models returns the names that [LayoutOf] knows for certain: of chips and of machines.
func Models() []string {
	var names []string
	for _, l := range layouts {
		names = append(names, l.Name())
	}
	return names
}

// Name is the machine's, or else the chip's.
func (l *Layout) Name() string {
	if l.Machine != "" {
		return l.Machine
	}
	return l.Chip
}

// LayoutOf returns the layout of what a machine is called by itself, by telemetry or by its user agent, such as "Antminer S9",
// "BM1370" or "bitaxe/BM1370/v2.9.0", and nil if that says no chip whose layout is known.
func LayoutOf(name string) *Layout {
	flat := flatName(name)
	if flat == "" {
		return nil
	}
	for _, l := range layouts {
		if l.Machine != "" && sameMachine(flat, flatName(l.Machine)) {
			return l
		}
	}
	for _, l := range layouts {
		if l.Machine == "" && (strings.Contains(flat, strings.ToLower(l.Chip)) && l != &layoutUniform || flat == l.Chip) {
			return l
		}
	}
	for name, l := range antminers {
		if sameMachine(flat, name) {
			return l
		}
	}
	for _, k := range kin {
		if strings.Contains(flat, k.name) {
			return k.chip
		}
	}
	return nil
}

// flatName is lower case without what people put between the words of a name.
func flatName(name string) string {
	if len(name) > 200 {
		name = name[:200]
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_()", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// sameMachine says that flat is the machine's name and nothing but a rating after it ("antminers19jpro104th"): an S19j Pro+ has other
// boards than an S19j Pro.
func sameMachine(flat, machine string) bool {
	i := strings.Index(flat, machine)
	if i < 0 {
		return false
	}
	rest := strings.TrimRight(flat[i+len(machine):], "/.")
	digits := strings.TrimLeft(rest, "0123456789.")
	return rest == "" || len(digits) < len(rest) && slices.Contains([]string{"", "t", "th", "th/s", "ths"}, digits)
}
