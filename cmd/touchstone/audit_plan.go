package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/audit"
)

// auditPlanFlags are the flags that say what is decided before the data. They
// win over the file that --plan names.
type auditPlanFlags struct {
	file      string
	alpha     float64
	tolerance float64
	rated     hashRateFlag
	model     string
	knownAs   []string

	planName string
}

// auditPlanUsage tells of what a file with a plan says.
const auditPlanUsage = `A plan is what is decided before the data: a file in TOML (or JSON, .json) with
any of these, each of which has a default:

  alpha = 0.001           how often an honest machine may be accused, ever
  tolerance = 0.01        part of the claimed rate that may be missing
  tolerance_above = 0.01  part by which it may be exceeded
  rated = "100TH/s"       what the machines should compute, where they make no
                          claim themselves; no default
  model = "BM1370"        chip layout, where they do not say it; no default
  drift = 0.02            part of its own earlier rate a machine may lose
  drop_arl = 1e9          shares between two false alarms of a drop
  gap_per_day = 1e-6      false alarms of a silence, per device and day
  lag_seconds = 2         how long an honest share is on its way
  switch_loss_seconds = 1 how long after clean_jobs there may be no work
  cell_weakness = 0.2     how much less a chip or core may do than the others
  invalid_rate = 0.01     part of the shares that may be invalid
  extra_dispersion = 0.03 how far a rate may really vary
  network_difficulty = N  what a block needs, where the jobs do not tell
  known_as = ["stratum+tcp://proxy.example:3333"]
                          where the machines may say that they mine; no default

`

// add adds the flags to cmd; prefix is put before the names that would not
// speak of an audit elsewhere.
func (a *auditPlanFlags) add(cmd *cobra.Command, prefix string) {
	a.planName = prefix + "plan"
	f := cmd.Flags()
	f.StringVar(&a.file, a.planName, "", "")
	f.Float64Var(&a.alpha, "alpha", 0, "")
	f.Float64Var(&a.tolerance, "tolerance", 0, "")
	f.Var(&a.rated, "rated", "")
	f.StringVar(&a.model, "model", "", "")
	f.StringArrayVar(&a.knownAs, "known-as", nil, "")
	cmd.MarkFlagFilename(a.planName, "toml", "json")
}

// plan returns the plan, complete.
func (a *auditPlanFlags) plan(cmd *cobra.Command) (*audit.Plan, error) {
	var plan audit.Plan
	if a.file != "" {
		var err error
		if plan, err = readPlan(a.file); err != nil {
			var hinted *hintedError
			if errors.As(err, &hinted) {
				return nil, withHint(fmt.Errorf("--%s: %w", a.planName, err), "%s", hinted.hint)
			}
			return nil, withHint(fmt.Errorf("--%s: %w", a.planName, err), "'touchstone audit --help' shows what a plan says")
		}
	}
	given := cmd.Flags().Changed
	if given("alpha") {
		if !(a.alpha > 0 && a.alpha < 1) {
			return nil, usageError(cmd, "--alpha: %g is not between 0 and 1", a.alpha)
		}
		plan.Alpha = a.alpha
	}
	if given("tolerance") {
		if !(a.tolerance > 0 && a.tolerance < 1) {
			return nil, withHint(fmt.Errorf("--tolerance: %g is not between 0 and 1", a.tolerance), "0.01 lets one part in a hundred be missing")
		}
		plan.Tolerance = a.tolerance
	}
	if given("rated") {
		plan.Rated = float64(a.rated)
	}
	if given("model") {
		plan.Model = a.model
	}
	if given("known-as") {
		plan.KnownAs = a.knownAs
	}
	complete, err := plan.Complete()
	if err != nil {
		return nil, withHint(err, "'touchstone audit --help' shows what a plan says")
	}
	return complete, nil
}

// maxPlan is in bytes.
const maxPlan = 64 << 10

// readPlan reads a file with a plan.
func readPlan(name string) (plan audit.Plan, err error) {
	file, err := os.Open(name)
	if err != nil {
		return plan, withHint(fmt.Errorf("%s: %w", display(name), cause(err)), "name a file that you may read")
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPlan+1))
	if err != nil {
		return plan, fmt.Errorf("%s: %w", display(name), cause(err))
	}
	if len(text) > maxPlan {
		return plan, fmt.Errorf("%s has more than %d bytes", display(name), maxPlan)
	}
	fields := map[string]any{}
	if strings.EqualFold(filepath.Ext(name), ".json") {
		err = json.Unmarshal(text, &fields)
	} else {
		_, err = toml.Decode(string(text), &fields)
	}
	if err != nil {
		return plan, fmt.Errorf("%s: %w", display(name), err)
	}
	if text, ok := fields["rated"].(string); ok {
		var rate hashRateFlag
		if err := rate.Set(text); err != nil {
			return plan, fmt.Errorf("%s: rated: %w", display(name), err)
		}
		fields["rated"] = float64(rate)
	}
	for key, value := range fields {
		if v, ok := value.(float64); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
			return plan, fmt.Errorf("%s: %s: %g is not a finite number", display(name), shorten(key), v)
		}
	}
	again, err := json.Marshal(fields)
	if err != nil {
		return plan, fmt.Errorf("%s: %w", display(name), err)
	}
	if err := plan.UnmarshalJSON(again); err != nil {
		return plan, fmt.Errorf("%s: %s", display(name), strings.TrimPrefix(err.Error(), "json: "))
	}
	return plan, nil
}
