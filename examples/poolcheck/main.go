// Command poolcheck is the heart of a pool in one file: a job from a block template, a submission, its verdict, and, if it is
// one, the block. It uses package touchstone from outside, as a pool would.
package main

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"log"
	"math/big"
	"time"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// template is what a node on regtest answers to getblocktemplate.
//
//go:embed template.json
var template []byte

func main() {
	if err := run(); err != nil {
		log.Fatal("poolcheck: ", err)
	}
}

func run() error {
	now := time.Unix(1555488200, 0) // the template is of that day; a pool takes time.Now()

	// A job, from the template and what the pool wants to be paid to.
	t, err := work.ParseTemplate(template)
	if err != nil {
		return err
	}
	script, err := hex.DecodeString("51") // anyone can spend it: this is regtest
	if err != nil {
		return err
	}
	job, err := work.NewJob("1", t, work.CoinbaseOptions{Payouts: []work.Payout{{Script: script, Value: work.Remainder}}})
	if err != nil {
		return err
	}
	prepared, err := share.NewJob(job)
	if err != nil {
		return err
	}

	// A pool has one Validator, and a Session for each connection, which is told what the miner is told.
	pool := share.NewValidator(share.Options{})
	miner := pool.NewSession()
	extranonce1 := []byte{0xca, 0xfe, 0, 1}
	if err := miner.SetExtranonce(extranonce1, job.Extranonce2Size); err != nil {
		return err
	}
	miner.Authorize("alice.1")
	target, err := work.DifficultyTarget(big.NewRat(3, 10_000_000_000)) // three of four hashes are shares, two of these blocks
	if err != nil {
		return err
	}
	miner.SetTarget(target)
	if err := miner.AddJob(prepared, true, now); err != nil {
		return err
	}

	// What the miner sends: the texts of mining.submit. It tries nonces until a share is also a block.
	ledger := share.NewLedger(0)
	for nonce := 0; ; nonce++ {
		text := share.Text{
			Worker: "alice.1", JobID: "1", Extranonce2: "0000000000000007",
			Time: fmt.Sprintf("%08x", job.Time), Nonce: fmt.Sprintf("%08x", nonce),
		}
		submission := text.Submission(nil)
		submission.Received = now
		verdict, err := miner.Check(&submission)
		if err != nil {
			return err // the share could not be judged
		}
		fmt.Printf("nonce %s: %s", text.Nonce, verdict.Word)
		if detail := verdict.Detail(); detail != "" {
			fmt.Printf(", %s", detail)
		}
		fmt.Println()
		if verdict.Word.Credited() {
			if err := ledger.Add(text.Worker, verdict.Target, verdict.Block); err != nil {
				return err
			}
		}
		if !verdict.Block { // whatever the word is: a stale block is still a block
			continue
		}
		header := work.ParseHeader(&verdict.Header)
		block, err := job.Block(&work.Solution{
			Extranonce: append(extranonce1, submission.Extranonce2...),
			Version:    header.Version, Time: header.Time, Nonce: header.Nonce,
		})
		if err != nil {
			return err
		}
		fmt.Printf("block %s of %d bytes goes to the node:\n%x\n", verdict.Hash, len(block), block)
		return nil
	}
}
