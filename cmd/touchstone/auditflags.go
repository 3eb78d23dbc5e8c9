package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// liveAuditFlags are the flags of pool and proxy on auditing.
type liveAuditFlags struct {
	on        bool
	plan      auditPlanFlags
	telemetry []string
}

// liveAuditUsage is the part of a usage text that tells of liveAuditFlags.
const liveAuditUsage = `  --audit                   say what the shares of each device prove: /audit and
                            /audit.html of the status show it, and what is in
                            alarm is told at once; on by default, --audit=false
                            turns it off
  --audit-plan FILE         what the audit decides beforehand: 'touchstone audit
                            --help' shows what it says
  --alpha A                 how often it may accuse an honest machine, ever;
                            default 0.001
  --tolerance T             the part of a claimed rate that may be missing;
                            default 0.01
  --rated RATE              what the devices should compute where they make no
                            claim, such as 100TH/s
  --model NAME              their chips, where they do not say, such as BM1370
  --known-as URL            an address at which devices may say that they mine:
                            that by which they know this machine, such as
                            stratum+tcp://192.0.2.5:3333, and those of backup
                            pools; repeated; if telemetry names another, that
                            is an alarm; without, it is only described
  --telemetry WORKER=URL    ask this worker's device each minute what it says of
                            itself: cgminer://HOST:4028 (Antminer, Whatsminer,
                            Avalon and others), whatsminer://HOST:4433 (V3) or
                            axeos://HOST; repeated; recorded with --record
`

// liveAuditEventsUsage is the part of a usage text that tells of its events.
const liveAuditEventsUsage = `  audit_alarm    device, test, type (fact, evidence, surveillance), words,
                 limits, log_e, false_alarms, since: once for each device and
                 test
  audit_behind   events: missed by the audit; nothing counts meanwhile
  audit_failed   session, device, error: a fault in touchstone; no more is said
                 of them, or of any device if both are empty
  audit_ended    devices, alarms, clear, too_early, named (those in alarm)
`

func (a *liveAuditFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&a.on, "audit", true, "")
	a.plan.add(cmd, "audit-")
	f.StringArrayVar(&a.telemetry, "telemetry", nil, "")
}

// check reports flags that make no sense.
func (a *liveAuditFlags) check(cmd *cobra.Command) error {
	if !a.on {
		for _, name := range []string{"audit-plan", "alpha", "tolerance", "rated", "model", "known-as", "telemetry"} {
			if cmd.Flags().Changed(name) {
				return usageError(cmd, "--%s needs an audit, and --audit is false", name)
			}
		}
		return nil
	}
	_, err := a.config(cmd)
	return err
}

// config returns what is to be audited; nil for nothing.
func (a *liveAuditFlags) config(cmd *cobra.Command) (*serve.AuditConfig, error) {
	if !a.on {
		return nil, nil
	}
	plan, err := a.plan.plan(cmd)
	if err != nil {
		return nil, err
	}
	c := &serve.AuditConfig{Plan: plan}
	for _, text := range a.telemetry {
		i := strings.LastIndex(text, "=")
		if i <= 0 {
			return nil, withHint(fmt.Errorf("--telemetry: %s is not WORKER=URL", shorten(text)), "such as --telemetry alice.rig1=cgminer://192.0.2.7:4028")
		}
		worker, url := text[:i], text[i+1:]
		if _, err := serve.ParseTelemetryURL(url); err != nil {
			return nil, withHint(fmt.Errorf("--telemetry: %w", err), "such as --telemetry alice.rig1=cgminer://192.0.2.7:4028")
		}
		c.Telemetry = append(c.Telemetry, serve.TelemetryTarget{Worker: worker, URL: url})
	}
	return c, nil
}

// auditEventText is an event of an audit in words, and whether it is a result.
func auditEventText(e serve.Event) (text string, result bool) {
	switch e := e.(type) {
	case serve.AuditAlarm:
		who := "the devices together"
		if e.Device != "" {
			who = nameText(e.Device)
		}
		return fmt.Sprintf("audit: %s: %s", who, e.Words), true
	case serve.AuditBehind:
		return fmt.Sprintf("audit: %s missed: this machine does not keep up; nothing counts meanwhile", count(int64(e.Events), "event")), false
	case serve.AuditFailed:
		switch {
		case e.Device != "":
			return fmt.Sprintf("audit: a fault in touchstone, so no more is said of %s for now: %s", nameText(e.Device), e.Error), false
		case e.Session != "":
			return fmt.Sprintf("audit: a fault in touchstone, so no more is said of session %s: %s", e.Session, e.Error), false
		}
		return "audit: a fault in touchstone, so no more is said of any device; shares go their way as before: " + e.Error, false
	case serve.AuditEnded:
		if e.Devices == 0 {
			return "", false
		}
		text := fmt.Sprintf("audit: of %s, %d in alarm, %d with nothing wrong to be seen, %d with too little data to say", count(int64(e.Devices), "device"),
			e.Alarms, e.Clear, e.TooEarly)
		if len(e.Named) > 0 {
			shown := e.Named[:min(len(e.Named), shownWorkers)]
			names := make([]string, len(shown))
			for i := range shown {
				names[i] = nameText(shown[i])
			}
			text += "; in alarm: " + strings.Join(names, ", ")
			if more := e.Alarms - len(shown); more > 0 {
				text += fmt.Sprintf(" and %d more", more)
			}
		}
		return text, false
	}
	return eventText(e)
}
