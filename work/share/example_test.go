package share_test

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// bytesOf decodes the hex of the examples.
func bytesOf(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

// signetJob is a job of p2poolv2's on a private signet, as mining.notify gave it. A pool has its jobs from work.NewJob.
func signetJob() *share.Job {
	j := &work.Job{
		ID: "7d", Version: 0x20000000, Bits: 0x1e0377ae, Time: 0x6849afec,
		PrevBlock:      chainhash.Hash(bytesOf("7c4c30f5f86150535443377008b78b66c36fc27dd0ff459cc648ddcb00000000")),
		CoinbasePrefix: bytesOf("02000000010000000000000000000000000000000000000000000000000000000000000000ffffffff25029d00010004ecaf496804007670120c"),
		CoinbaseSuffix: bytesOf("085032506f6f6c7632ffffffff0200f2052a01000000160014274466e754a1c12d0a2d2cc34ceb70d8e017053a0000000000000000266a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf900000000"),
	}
	j.Target, _, _ = j.Bits.Target()
	job, err := share.NewJob(j)
	if err != nil {
		panic(err)
	}
	return job
}

// signetText is what a miner sent for it.
var signetText = share.Text{Worker: "alice.1", JobID: "7d", Extranonce2: "0000000000000000", Time: "6849afec", Nonce: "e33674f1"}

// newMiner is a connection of the pool that was told an extranonce1, a difficulty and the job.
func newMiner(pool *share.Validator, difficulty *big.Rat) *share.Session {
	miner := pool.NewSession()
	target, err := work.DifficultyTarget(difficulty)
	if err != nil {
		panic(err)
	}
	if err := miner.SetExtranonce(bytesOf("d4f69aeb"), 8); err != nil {
		panic(err)
	}
	miner.Authorize("alice.1")
	miner.SetTarget(target)
	if err := miner.AddJob(signetJob(), true, time.Unix(0x6849afec, 0)); err != nil {
		panic(err)
	}
	return miner
}

// The whole of what a pool does about a share. The job is one of a private signet's, which the share solves.
func Example() {
	pool := share.NewValidator(share.Options{}) // strict
	ledger := share.NewLedger(0)

	// For each connection: what the miner is told, the pool tells the session.
	target, err := work.DifficultyTarget(big.NewRat(1, 1))
	if err != nil {
		panic(err)
	}
	miner := pool.NewSession()
	if err := miner.SetExtranonce(bytesOf("d4f69aeb"), 8); err != nil { // mining.subscribe
		panic(err)
	}
	miner.Authorize("alice.1")                                                        // mining.authorize
	miner.SetTarget(target)                                                           // mining.set_difficulty
	if err := miner.AddJob(signetJob(), true, time.Unix(0x6849afec, 0)); err != nil { // mining.notify
		panic(err)
	}

	// For each mining.submit:
	text := share.Text{Worker: "alice.1", JobID: "7d", Extranonce2: "0000000000000000", Time: "6849afec", Nonce: "e33674f1"}
	submission := text.Submission(nil)
	submission.Received = time.Unix(0x6849aff0, 0)
	verdict, err := miner.Check(&submission)
	if err != nil {
		panic(err) // it could not be judged
	}
	if verdict.Block {
		fmt.Println("to the node:", verdict.Hash)
	}
	if verdict.Word.Credited() {
		if err := ledger.Add(text.Worker, verdict.Target, verdict.Block); err != nil {
			panic(err)
		}
	}
	fmt.Printf("%s: difficulty %.4f of %g, credit %g\n", verdict.Word, verdict.Difficulty(), verdict.Required(), verdict.Credited())
	fmt.Println("alice.1 has earned", ledger.Total().Work, "hashes")
	// Output:
	// to the node: 00000000848122e3a6c318528787230e74dc9dc9624b0cb7957df018e941fec8
	// block: difficulty 1.9320 of 1, credit 1
	// alice.1 has earned 4295032833 hashes
}

// Many submissions at once are judged several times as fast, and the same. They may be of many sessions.
func ExampleBatch() {
	pool := share.NewValidator(share.Options{})
	miner := newMiner(pool, big.NewRat(1, 1))

	var batch share.Batch
	for _, nonce := range []string{"e33674f1", "e33674f2", "e33674f1", "e33674f"} {
		text := signetText
		text.Nonce = nonce
		submission := text.Submission(nil)
		batch.Add(miner, &submission)
	}
	for _, result := range batch.Judge(nil) {
		fmt.Printf("%s %q\n", result.Verdict.Word, result.Verdict.Detail())
	}
	// Output:
	// block ""
	// low-difficulty "difficulty 2.54161e-10 is below the required 1"
	// duplicate "submitted before"
	// bad-nonce "nonce is not 8 hex digits"
}

// What well-known pools would say of a share that is seven thousandths short of the difficulty, but a block.
func ExamplePresets() {
	for _, policy := range share.Presets() {
		pool := share.NewValidator(share.Options{Policy: policy})
		submission := signetText.Submission(nil)
		verdict, err := newMiner(pool, big.NewRat(1945, 1000)).Check(&submission)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s %q\n", policy.String(), verdict.Word, verdict.Said)
	}
	// Output:
	// strict: low-difficulty ""
	// ckpool: low-difficulty "Above target"
	// datum: low-difficulty "high-hash"
	// public-pool: low-difficulty "Difficulty too low"
	// btcpool: low-difficulty "Low difficulty"
	// miningcore: block ""
	// node-stratum-pool: block ""
	// sri: block ""
}

// A miner writes the same share in capitals, to be paid twice. Pools that look for duplicates by text pay.
func ExampleSession_Check_duplicate() {
	for _, policy := range []share.Policy{share.Strict(), share.PublicPool()} {
		miner := newMiner(share.NewValidator(share.Options{Policy: policy}), big.NewRat(1, 1))
		for _, nonce := range []string{"e33674f1", "E33674F1"} {
			text := signetText
			text.Nonce = nonce
			submission := text.Submission(nil)
			verdict, err := miner.Check(&submission)
			if err != nil {
				panic(err)
			}
			fmt.Printf("%s, nonce %s: %s\n", policy.String(), nonce, verdict.Word)
		}
	}
	// Output:
	// strict, nonce e33674f1: block
	// strict, nonce E33674F1: duplicate
	// public-pool, nonce e33674f1: block
	// public-pool, nonce E33674F1: block
}
