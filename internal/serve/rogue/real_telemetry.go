package rogue

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Telemetry is where the device answers the commands of cgminer's API: HOST:PORT.
func (d *Real) Telemetry() string { return d.telemetry.Addr().String() }

// maxCommand is how long a command may be.
const maxCommand = 4096

// serveTelemetry begins to answer: a command a connection, as cgminer does.
func (d *Real) serveTelemetry() (err error) {
	if d.telemetry, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	d.running.Go(func() {
		for {
			conn, err := d.telemetry.Accept()
			if err != nil {
				return
			}
			d.running.Go(func() { d.tell(conn) })
		}
	})
	return nil
}

// tell answers one command.
func (d *Real) tell(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	in := json.NewDecoder(io.LimitReader(conn, maxCommand))
	var c struct{ Command string }
	if in.Decode(&c) != nil {
		return
	}
	reply, _ := json.Marshal(d.reply(c.Command))
	_, _ = conn.Write(append(reply, 0)) // cgminer ends its replies so
}

// reply is what the device says to a command.
func (d *Real) reply(command string) any {
	commands := strings.Split(command, "+")
	if len(commands) > 1 {
		all := map[string]any{"id": 1}
		for _, c := range commands {
			all[c] = []any{d.reply(c)}
		}
		return all
	}
	up := time.Since(d.began)
	count := d.Count()
	claim := 1.0
	if v := &d.config.Vice; v.Name == "overreport" {
		claim += v.X
	}
	mhs := claim * d.config.Rate / 1e6
	status := func(code int, text string) []any {
		return []any{map[string]any{"STATUS": "S", "When": time.Now().Unix(), "Code": code, "Msg": text, "Description": "cgminer 4.12.0"}}
	}
	accepted := count.Accepted
	switch command {
	case "version":
		return map[string]any{"STATUS": status(22, "CGMiner versions"), "VERSION": []any{map[string]any{"CGMiner": "4.12.0", "API": "3.7"}}, "id": 1}
	case "summary":
		return map[string]any{"STATUS": status(11, "Summary"), "SUMMARY": []any{map[string]any{
			"Elapsed": int(up.Seconds()), "MHS av": mhs, "MHS 5s": mhs, "Accepted": accepted, "Rejected": count.Rejected, "Stale": 0,
			"Hardware Errors": 0, "Utility": float64(accepted) / max(up.Minutes(), 1e-9), "Difficulty Accepted": count.Work,
			"Difficulty Rejected": 0.0, "Difficulty Stale": 0.0, "Best Share": count.Best,
		}}, "id": 1}
	case "devs":
		return map[string]any{"STATUS": status(9, "1 ASC(s)"), "DEVS": []any{map[string]any{
			"ASC": 0, "Name": "RGE", "ID": 0, "Enabled": "Y", "Status": "Alive", "MHS av": mhs, "MHS 5s": mhs, "Accepted": accepted,
		}}, "id": 1}
	case "pools":
		_, elsewhere := d.active(up)
		pool := func(n int, url string, active bool) any {
			return map[string]any{"POOL": n, "URL": url, "Status": "Alive", "User": d.config.Worker, "Stratum Active": active, "Priority": n}
		}
		pools := []any{pool(0, d.config.Says[0], !elsewhere)}
		if d.config.Second != "" {
			pools = append(pools, pool(1, d.config.Says[1], elsewhere))
		}
		return map[string]any{"STATUS": status(7, fmt.Sprint(len(pools), " Pool(s)")), "POOLS": pools, "id": 1}
	}
	return map[string]any{"STATUS": []any{map[string]any{"STATUS": "E", "When": time.Now().Unix(), "Code": 14, "Msg": "Invalid command"}}, "id": 1}
}
