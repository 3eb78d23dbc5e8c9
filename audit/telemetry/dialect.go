package telemetry

import "strings"

// recognise says which dialect a machine speaks.
func (d *document) recognise() string {
	for _, s := range d.sections {
		switch {
		case s.name == sectionAxeOS:
			return DialectAxeOS
		case strings.HasPrefix(s.name, sectionV3):
			return DialectWhatsminerV3
		}
	}
	for _, test := range []struct {
		dialect string
		is      func() bool
	}{
		{DialectLuxOS, func() bool { return d.says("luxminer", "LUXminer") }},
		{DialectAuradine, func() bool { return d.says("gcminer", "GCMiner") }},
		{DialectSealminer, func() bool { return d.says("bdminer", "BDMiner") }},
		{DialectAvalon, d.isAvalon},
		{DialectWhatsminer, d.isWhatsminer},
		{DialectBmminer, d.isBmminer},
	} {
		if test.is() {
			return test.dialect
		}
	}
	known := false
	for _, s := range d.sections {
		switch s.name {
		case "SUMMARY", "DEVS", "POOLS", "STATS", "VERSION":
			known = true
		}
	}
	if !known || d.unknownProgram() {
		return ""
	}
	return DialectCgminer
}

// says reports whether STATUS or VERSION names a program.
func (d *document) says(description, version string) bool {
	for _, about := range d.about {
		if strings.HasPrefix(about, description) {
			return true
		}
	}
	for _, s := range d.sections {
		if (s.name == "VERSION" || s.name == "STATS") && s.node.get(version) != nil {
			return true
		}
	}
	return false
}

// programs are known ones that speak cgminer's own dialect.
var programs = []string{"cgminer", "bmminer", "sgminer", "bfgminer", "bosminer", "boser", "mskminer"}

// unknownProgram says that a machine names a program that we know nothing of.
func (d *document) unknownProgram() bool {
	for _, about := range d.about {
		known := about == ""
		for _, p := range programs {
			known = known || strings.HasPrefix(about, p)
		}
		if !known {
			return true
		}
	}
	return false
}

func (d *document) isAvalon() bool {
	for _, s := range d.sections {
		switch s.name {
		case "STATS":
			if avalonField(s.node) != "" {
				return true
			}
		case "DEVS":
			if strings.HasPrefix(strings.ToUpper(s.text("Name")), "AVA") {
				return true
			}
		case "VERSION":
			if strings.HasPrefix(strings.ToLower(s.text("PROD")), "avalon") || s.node.get("HWTYPE") != nil && s.node.get("SWTYPE") != nil {
				return true
			}
		}
	}
	return false
}

func (d *document) isWhatsminer() bool {
	if d.says("whatsminer", "BTMiner") || d.says("btminer", "BTMiner") {
		return true
	}
	for _, s := range d.sections {
		switch s.name {
		case sectionMsg:
			return true
		case "SUMMARY":
			if n, _ := s.field("Factory GHS", "HS RT", "Hash Stable", "Power_RT", "Upfreq Complete"); n != nil {
				return true
			}
		case "DEVS":
			if n, _ := s.field("Upfreq Complete", "Effective Chips"); n != nil {
				return true
			}
		}
	}
	return false
}

func (d *document) isBmminer() bool {
	if d.says("bmminer", "BMMiner") {
		return true
	}
	for _, s := range d.sections {
		switch s.name {
		case "SUMMARY", "STATS":
			// Bitmain's fork is the one that counts in GHS. It calls itself cgminer at times.
			if n, _ := s.field("GHS av", "GHS 5s"); n != nil && !d.unknownProgram() {
				return true
			}
		case "DEVS":
			if name := s.text("Name"); strings.HasPrefix(name, "BTM") || strings.HasPrefix(name, "BC5") {
				return true
			}
		case sectionFlat:
			if strings.HasPrefix(s.text("minertype"), "Antminer") {
				return true
			}
		}
	}
	return false
}
