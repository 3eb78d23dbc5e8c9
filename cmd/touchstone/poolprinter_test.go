package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

func TestServingText(t *testing.T) {
	const address = "tsd1quldmerlujjvx4fdn2ezq7q4ykv5xv34pp3tsgqq5zr"
	for want, e := range map[string]serve.Event{
		`"tsd1quldmer…gqq5zr.rig1" joined from 192.0.2.1:5 ("cgminer/4")`: serve.DeviceAuthorized{Worker: address + ".rig1", Peer: "192.0.2.1:5", UserAgent: "cgminer/4"},
		`"bob" refused as worker, from 192.0.2.1:5: no address`:           serve.DeviceRefused{Worker: "bob", Peer: "192.0.2.1:5", Error: "no address"},
		"192.0.2.1:5 left after 0.0s: 0 shares; speaks TLS":               serve.DeviceGone{Peer: "192.0.2.1:5", Reason: "speaks TLS"},
		"stopped: 360 blocks accepted, 1 refused; 1360 shares credited, 1458 refused, in 2m00s": serve.PoolStopped{
			Accepted: 360, Refused: 1, Shares: 1360, SharesRefused: 1458, Elapsed: 120},
		"no connection can be taken at a:1: too many open files; trying again": serve.AcceptFailed{Listen: "a:1", Error: "too many open files"},
		"recording in x": serve.RecordBegun{File: "x"},
	} {
		text, _ := servingText(e)
		require.Equal(t, want, text)
	}
	text, _ := proxyEventText(serve.DeviceLeft{Peer: "192.0.2.1:5", Worker: "alice", Reason: "the device closed the connection", Elapsed: 1})
	require.Equal(t, `device "alice" at 192.0.2.1:5: the device closed the connection, after 1.0s`, text)
}

// Few devices are told one by one, of many only how many.
func TestGuestBook(t *testing.T) {
	var g guestBook
	now := time.Unix(0, 0)
	for i := range 3*fewGuests + 1 {
		e := serve.Event(serve.DeviceAuthorized{Worker: "a"})
		switch {
		case i >= 3*fewGuests:
			e = serve.DeviceGone{Worker: "a"}
		case i >= 2*fewGuests:
			e = serve.DeviceRefused{}
		}
		require.Equal(t, i < fewGuests, g.note(e, now))
	}
	require.Empty(t, g.summary(now))
	require.Equal(t, "8 more devices joined, 8 refused, 1 left", g.summary(now.Add(guestWindow)))
	require.Empty(t, g.summary(now.Add(2*guestWindow)))
}
