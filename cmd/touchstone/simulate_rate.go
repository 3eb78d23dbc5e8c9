package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// hashRateFlag is a flag that gives hashes per second, with a unit.
type hashRateFlag float64

var hashRateUnits = []struct {
	name string
	rate float64
}{{"H/s", 1}, {"kH/s", 1e3}, {"MH/s", 1e6}, {"GH/s", 1e9}, {"TH/s", 1e12}, {"PH/s", 1e15}, {"EH/s", 1e18}}

// Set takes a number with one of the units; H may stand for H/s, and capitals
// don't matter. A number alone could mean anything, and does not do.
func (f *hashRateFlag) Set(text string) error {
	number := strings.TrimSpace(text)
	for i := len(hashRateUnits) - 1; i >= 0; i-- { // H/s ends all others
		u := &hashRateUnits[i]
		for _, name := range []string{u.name, strings.TrimSuffix(u.name, "/s")} {
			if len(number) <= len(name) || !strings.EqualFold(number[len(number)-len(name):], name) {
				continue
			}
			v, err := strconv.ParseFloat(strings.TrimSpace(number[:len(number)-len(name)]), 64)
			if v *= u.rate; err != nil || !(v > 0) || math.IsInf(v, 0) {
				return withHint(fmt.Errorf("%s is not a hash rate", shorten(text)), "such as 100TH/s, 1.2 PH/s or 500kH/s")
			}
			*f = hashRateFlag(v)
			return nil
		}
	}
	return withHint(fmt.Errorf("%s is not a hash rate", shorten(text)), "name the unit, such as 100TH/s, 1.2 PH/s or 500kH/s")
}

func (f *hashRateFlag) String() string { return siRate(float64(*f)) + "H/s" }
func (f *hashRateFlag) Type() string   { return "rate" }
