package work_test

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// realData returns the folder of real data that is too large for the repository, or skips the test.
func realData(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("TOUCHSTONE_DATA")
	if dir == "" {
		t.Skip("TOUCHSTONE_DATA is not set: real blocks and templates are not tried")
	}
	return dir
}

func TestParseTemplate(t *testing.T) {
	template := parse(t, []byte(templateRegtest505))
	require.Equal(t, uint32(0x20000000), template.Version)
	require.Equal(t, []string{"csv", "!segwit", "testdummy", "taproot"}, template.Rules)
	require.Equal(t, []string{"time", "transactions", "prevblock"}, template.Mutable)
	require.Equal(t, []string{"proposal"}, template.Capabilities)
	require.Equal(t, int32(505), template.Height)
	require.Equal(t, work.Bits(0x207fffff), template.Bits)
	require.Equal(t, "7fffff"+strings.Repeat("0", 58), template.Target.String())
	require.Equal(t, uint32(0xffffffff), template.NonceLast)
	require.Zero(t, template.NonceFirst)
	require.Zero(t, template.MaxTime)
	require.Less(t, template.MinTime, template.CurTime)
	require.True(t, template.SubmitOld)
	require.Nil(t, template.CoinbaseTxn)
	require.Nil(t, template.SignetChallenge)
	require.Equal(t, []int64{80000, 4000000, 4000000}, []int64{template.SigOpLimit, template.SizeLimit, template.WeightLimit})
	require.True(t, template.HasCommitment)
	require.Len(t, template.Transactions, 1)
	require.Equal(t, int64(561), template.Transactions[0].Weight)
	require.Equal(t, work.Verdict{}, template.Check())
	require.Equal(t, work.Verdict{}, parse(t, []byte(templateSignet123)).Check(), "a signet that anyone may sign")
}

func TestParseTemplateFields(t *testing.T) {
	template := parse(t, edit(t, templateRegtest505, map[string]any{
		"workid": "w", "longpollid": "l", "longpolluri": "/l", "submitold": false, "expires": 120, "maxtime": 1900000000, "mintime": nil, "mintimeoff": -60,
		"noncerange": "10000000EFFFFFFF", "vbavailable": map[string]int{"testdummy": 28}, "vbrequired": 1 << 29, "signet_challenge": "51",
		"coinbaseaux": map[string]string{"flags": "0102"}, "reject-reason": "none", "sigoplimit": nil, "target": nil, "version": -1,
		"serverlist": []any{map[string]any{"uri": "http://x", "weight": 1.5e3, "deep": []any{nil, true, "\u00e9"}}}}))
	require.Equal(t, "w", template.WorkID)
	require.Equal(t, "l", template.LongPollID)
	require.Equal(t, "/l", template.LongPollURI)
	require.False(t, template.SubmitOld)
	require.Equal(t, uint32(120), template.Expires)
	require.Equal(t, uint32(1900000000), template.MaxTime)
	require.Equal(t, template.CurTime-60, template.MinTime)
	require.Equal(t, uint32(0x10000000), template.NonceFirst)
	require.Equal(t, uint32(0xefffffff), template.NonceLast)
	require.Equal(t, map[string]uint8{"testdummy": 28}, template.VBAvailable)
	require.Equal(t, uint32(1<<29), template.VBRequired)
	require.Equal(t, []byte{0x51}, template.SignetChallenge)
	require.Equal(t, []work.CoinbaseAux{{Name: "flags", Data: []byte{1, 2}}}, template.CoinbaseAux)
	require.Equal(t, "none", template.RejectReason)
	require.Zero(t, template.SigOpLimit)
	require.Equal(t, uint32(0xffffffff), template.Version)
	target, _, _ := template.Bits.Target()
	require.Equal(t, target, template.Target)

	late := parse(t, edit(t, templateRegtest505, map[string]any{"curtime": uint32(math.MaxUint32 - 5), "maxtimeoff": 6}))
	require.Equal(t, uint32(math.MaxUint32), late.MaxTime)
}

// anyoneSpends returns a transaction with witness that spends output 0 of the transaction with this id, in internal order.
func anyoneSpends(id string) string {
	return "02000000" + "0001" + "01" + id + "00000000" + "00" + "fdffffff" + "01" + "0000000000000000" + "0151" + "010100" + "00000000"
}

// manyAux is one more entry of coinbaseaux than there may be; each is empty, so their bytes alone would fit.
func manyAux() map[string]string {
	aux := make(map[string]string)
	for i := range work.MaxCoinbaseScript + 1 {
		aux["x"+strconv.Itoa(i)] = ""
	}
	return aux
}

// TestParseTemplateRefuses breaks one thing at a time. Each error is one short line that names what is wrong.
func TestParseTemplateRefuses(t *testing.T) {
	tx := `{"data":"` + anyoneSpends(strings.Repeat("fe", 32)) + `"}`
	replace := func(name string, value any) string {
		return string(edit(t, templateRegtest505, map[string]any{name: value}))
	}
	raw := func(old, new string) string {
		require.Contains(t, templateRegtest505, old)
		return strings.Replace(templateRegtest505, old, new, 1)
	}
	list := func(txs string) string {
		object := string(edit(t, templateRegtest505, map[string]any{"transactions": "@"}))
		return strings.Replace(object, `"@"`, "["+txs+"]", 1)
	}
	_, err := work.ParseTemplate([]byte(list(tx)))
	require.NoError(t, err)
	for _, test := range []struct{ name, json, says string }{
		{"nothing", "", "JSON ends after 0 bytes"},
		{"white space", " \n", "JSON ends after 2 bytes"},
		{"zero byte", "\x00", "at start of value"},
		{"HTML", "<html><body>401 Unauthorized", "JSON byte 0: invalid character '<' at start of value"},
		{"array", "[]", "[…]: want an object"},
		{"null", "null", "null: want a value"},
		{"empty object", "{}", "version is missing"},
		{"two objects", templateSignet123 + "{}", "after top-level value"},
		{"JSON-RPC answer", `{"result":` + templateSignet123 + `,"error":null,"id":1}`, "a JSON-RPC answer"},
		{"cut short", templateRegtest505[:len(templateRegtest505)-3], "JSON ends after"},
		{"cut in a string", templateRegtest505[:200], "JSON ends after 200 bytes"},
		{"comma before the end", raw(`"height": 505`, `"height": 505,`), "JSON byte"},
		{"no coinbase", replace("coinbasevalue", nil), "coinbasevalue and coinbasetxn are both missing"},
		{"no transactions", replace("transactions", nil), "transactions is missing"},
		{"no bits", replace("bits", nil), "bits is missing"},
		{"no height", replace("height", nil), "height is missing"},
		{"no curtime", replace("curtime", nil), "curtime is missing"},
		{"no previousblockhash", replace("previousblockhash", nil), "previousblockhash is missing"},
		{"given twice", raw(`"height": 505`, `"height": 505, "height": 505`), "height: given twice"},
		{"given twice with an escape", raw(`"height": 505`, `"height": 505, "heigh\u0074": 505`), "height: given twice"},
		{"version as text", replace("version", "536870912"), `version "536870912": want a whole number`},
		{"version too large", replace("version", int64(1<<31)), "version 2147483648: want a whole number from -2147483648 to 2147483647"},
		{"fraction", replace("height", json.Number("505.5")), "height 505.5: want a whole number"},
		{"exponent", replace("height", json.Number("5e2")), "height 5e2: want a whole number"},
		{"height 0", replace("height", 0), "height 0: want"},
		{"negative height", replace("height", -1), "height -1: want"},
		{"huge number", replace("height", json.Number(strings.Repeat("9", 1000))), `height "999`},
		{"null height", raw(`"height": 505`, `"height": null`), "height null: want"},
		{"leading zero", raw(`"vbrequired": 0`, `"vbrequired": 00`), "JSON byte"},
		{"bare minus", raw(`"height": 505`, `"height": -`), "height: invalid character ',' in number (expecting digit)"},
		{"negative value", replace("coinbasevalue", -1), "coinbasevalue -1: want"},
		{"more than all money", replace("coinbasevalue", int64(work.MaxMoney+1)), "coinbasevalue 2100000000000001"},
		{"time after 2106", replace("curtime", int64(1<<32)), "curtime 4294967296: want"},
		{"short hash", replace("previousblockhash", "00"), `previousblockhash "00": 2 hex digits: want 64`},
		{"odd hash", replace("previousblockhash", strings.Repeat("0", 63)), "63 hex digits: want 64"},
		{"no hex", replace("previousblockhash", strings.Repeat("g", 64)), "want hex digits only"},
		{"hash as a number", replace("previousblockhash", 5), "previousblockhash 5: JSON value must be string type"},
		{"long bits", replace("bits", "207fffff00"), "10 hex digits: want 8"},
		{"short bits", replace("bits", "7fffff"), "6 hex digits: want 8"},
		{"short target", replace("target", "7fffff"), "6 hex digits: want 64"},
		{"nonce range", replace("noncerange", "ffffffff00000000"), "first nonce is above its last"},
		{"nonce range of nothing", replace("noncerange", "0000000000000000"), "nonce 0 alone"},
		{"null object", raw(`"vbavailable": {}`, `"vbavailable": null`), "vbavailable null: want a value"},
		{"twice in what nobody reads", raw(`"vbavailable": {}`, `"x": {"a":1,"a":2}`), "x.a: given twice"},
		{"key of another case", strings.Replace(templateRegtest505, `"height"`, `"Height"`, 1), "height is missing"},
		{"rules not strings", replace("rules", []any{"csv", 1}), "rules[1] 1: want a string"},
		{"rules not an array", replace("rules", "segwit"), `rules "segwit": want an array`},
		{"vbavailable bit", replace("vbavailable", map[string]int{"x": 32}), "vbavailable.x 32: want"},
		{"vbavailable twice", raw(`"vbavailable": {}`, `"vbavailable": {"a":1,"a":2}`), "vbavailable.a: given twice"},
		{"vbrequired", replace("vbrequired", -1), "vbrequired -1: want"},
		{"submitold", replace("submitold", 1), "submitold 1: want true or false"},
		{"coinbaseaux no hex", replace("coinbaseaux", map[string]string{"flags": "x"}), "coinbaseaux.flags"},
		{"coinbaseaux long", replace("coinbaseaux", map[string]string{"flags": strings.Repeat("00", 101)}), "101 bytes"},
		{"coinbaseaux of many", replace("coinbaseaux", manyAux()), "coinbaseaux: 101 entries"},
		{"coinbaseaux twice", raw(`"coinbaseaux": {}`, `"coinbaseaux": {"a":"","a":""}`), "coinbaseaux.a: given twice"},
		{"commitment of 31 bytes", replace("default_witness_commitment", strings.Repeat("00", 31)), "BIP 145"},
		{"commitment without its header", replace("default_witness_commitment", strings.Repeat("00", 38)), "BIP 145"},
		{"no limit", replace("weightlimit", 0), "weightlimit 0: want"},
		{"transaction no object", list(`1`), "transactions[0] 1: want an object"},
		{"transaction without data", list(`{}`), "transactions[0]: data is missing"},
		{"coinbase without data", replace("coinbasetxn", map[string]any{}), "coinbasetxn: data is missing"},
		{"coinbase that depends", string(edit(t, templateRegtest505, map[string]any{"coinbasetxn": map[string]any{"data": anyoneSpends(strings.Repeat("00", 32)), "txid": "", "depends": []int{1}}})), "coinbasetxn.depends[0] 1: want"},
		{"coinbase of a short txid", replace("coinbasetxn", map[string]any{"txid": "00"}), `coinbasetxn.txid "00": 2 hex digits: want 64`},
		{"data twice", list(strings.Replace(tx, `"}`, `","data":""}`, 1)), "transactions[0].data: given twice"},
		{"data empty", list(`{"data":""}`), "transactions[0].data"},
		{"data odd", list(`{"data":"020"}`), "3 hex digits"},
		{"data cut", list(strings.Replace(tx, `00000000"`, `00"`, 1)), "byte 62: cut short: nLockTime has 4 bytes, 1 are left"},
		{"data too long", list(strings.Replace(tx, `"}`, `00"}`, 1)), "1 bytes follow the transaction's end"},
		{"data without inputs", list(`{"data":"020000000000ffff00000000"}`), "no inputs or with flags 00"},
		{"data with an empty witness", list(strings.Replace(tx, `01010000000000"`, `0000000000"`, 1)), "witness marker but no witness"},
		{"data with a huge count", list(`{"data":"02000000ffffffffffffffffff"}`), "cut short: inputs, 18446744073709551615 of at least 41 bytes"},
		{"data with a long count", list(`{"data":"02000000fd0100"}`), "1 is not in its shortest form"},
		{"txid short", list(strings.Replace(tx, `"}`, `","txid":""}`, 1)), "transactions[0].txid"},
		{"depends on itself", list(tx + "," + strings.Replace(tx, `"}`, `","depends":[2]}`, 1)), "transactions[1].depends[0] 2: want the place, counted from 1, of one of the 1 transactions before this one"},
		{"depends on nothing", list(tx + "," + strings.Replace(tx, `"}`, `","depends":[0]}`, 1)), "transactions[1].depends[0] 0"},
		{"first depends", list(strings.Replace(tx, `"}`, `","depends":[1]}`, 1)), "transactions[0].depends[0] 1: want the place"},
		{"fee as text", list(strings.Replace(tx, `"}`, `","fee":"1"}`, 1)), "transactions[0].fee"},
		{"negative sigops", list(strings.Replace(tx, `"}`, `","sigops":-1}`, 1)), "transactions[0].sigops -1"},
		{"control character", raw(`"csv"`, "\"c\nsv\""), "control character"},
		{"bad UTF-8", raw(`"csv"`, "\"c\xff\""), "UTF-8"},
		{"bad escape", raw(`"csv"`, `"\x"`), "escape"},
		{"key of control characters", raw(`"coinbaseaux": {}`, `"coinbaseaux": {"\u001b\n":5}`), `"coinbaseaux.\x1b\n" 5: JSON value must be string type`},
		{"depth", raw(`"vbrequired": 0`, `"x":`+strings.Repeat("[", 20000)), "exceeded max depth"},
		{"too long", strings.Repeat(" ", work.MaxTemplateSize+1), "a template has at most"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := work.ParseTemplate([]byte(test.json))
			require.ErrorContains(t, err, test.says)
			require.True(t, strings.HasPrefix(err.Error(), "template: "), err.Error())
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), ":  ")
			require.Less(t, len(err.Error()), 500)
		})
	}
}

func TestTemplateCheck(t *testing.T) {
	transactions := func(change func(tx map[string]any)) map[string]any {
		var object struct{ Transactions []map[string]any }
		require.NoError(t, json.Unmarshal([]byte(templateRegtest505), &object))
		change(object.Transactions[0])
		return map[string]any{"transactions": object.Transactions}
	}
	one := func() map[string]any {
		return transactions(func(map[string]any) {})["transactions"].([]map[string]any)[0]
	}
	flip := func(s any) string { // a bit of a hash, or of the txid that data spends from
		b := mustHex(s.(string))
		b[min(20, len(b)-1)] ^= 1
		return hex.EncodeToString(b)
	}
	for _, test := range []struct {
		name   string
		reason work.Reason
		fields map[string]any
	}{
		{"unknown rule that must be known", work.ReasonUnknownRule, map[string]any{"rules": []string{"csv", "!segwit", "!covenants"}}},
		{"unknown rule", "", map[string]any{"rules": []string{"csv", "!segwit", "covenants"}}},
		{"btcd: no rules", "", map[string]any{"rules": nil}},
		{"public signet", work.ReasonSignetChallenge, map[string]any{"signet_challenge": "512103ad5e0edad18cb1f0fc0d28a3d4f1f3e445640337489abb10404f2d1e086be430210359ef5021964fe22d6f8e05b2463c9540ce96883fe3b278760f048f5189f2e6c452ae"}},
		{"empty challenge", work.ReasonSignetChallenge, map[string]any{"signet_challenge": ""}},
		{"required version bits", work.ReasonBadVersion, map[string]any{"vbrequired": 1}},
		{"one of two required version bits", work.ReasonBadVersion, map[string]any{"vbrequired": 0x20000001}},
		{"other target", work.ReasonBadDiffBits, map[string]any{"target": "7fffff" + strings.Repeat("0", 57) + "1"}},
		{"negative bits", work.ReasonBadDiffBits, map[string]any{"bits": "20ffffff"}},
		{"zero bits", work.ReasonBadDiffBits, map[string]any{"bits": "00000000", "target": nil}},
		{"overflowing bits", work.ReasonBadDiffBits, map[string]any{"bits": "ff7fffff", "target": nil}},
		{"curtime before mintime", work.ReasonTimeTooOld, map[string]any{"mintime": 1900000000}},
		{"curtime after maxtime", work.ReasonTimeTooNew, map[string]any{"maxtime": 1}},
		{"txid", work.ReasonBadTxnsTxID, transactions(func(tx map[string]any) { tx["txid"] = flip(tx["txid"]) })},
		{"hash", work.ReasonBadTxnsHash, transactions(func(tx map[string]any) { tx["hash"] = flip(tx["hash"]) })},
		{"data", work.ReasonBadTxnsTxID, transactions(func(tx map[string]any) { tx["data"] = flip(tx["data"]) })},
		{"witness", work.ReasonBadTxnsHash, transactions(func(tx map[string]any) {
			data := tx["data"].(string)
			tx["data"] = data[:len(data)-10] + "00" + data[len(data)-8:]
		})},
		{"weight", work.ReasonBadTxnsWeight, transactions(func(tx map[string]any) { tx["weight"] = 560 })},
		{"only data", "", transactions(func(tx map[string]any) {
			for _, name := range []string{"txid", "hash", "weight", "sigops", "fee", "depends"} {
				delete(tx, name)
			}
		})},
		{"before BIP 145: hash is the txid", "", transactions(func(tx map[string]any) { tx["hash"] = tx["txid"]; delete(tx, "txid") })},
		{"hash is the wtxid, no txid", "", transactions(func(tx map[string]any) { delete(tx, "txid") })},
		{"the same twice", work.ReasonBadTxnsDuplicate, map[string]any{"transactions": []any{one(), one()}, "default_witness_commitment": nil}},
		{"sigops", work.ReasonBadBlockSigOps, transactions(func(tx map[string]any) { tx["sigops"] = 80001 })},
		{"sigops that only the node allows", work.ReasonBadBlockSigOps, map[string]any{"sigoplimit": 90000, "transactions": []any{func() any { tx := one(); tx["sigops"] = 80001; return tx }()}}},
		{"sigops before segwit", work.ReasonBadBlockSigOps, map[string]any{"sigoplimit": 0 + 1, "transactions": []any{func() any { tx := one(); tx["sigops"] = 2; return tx }()}}},
		{"weight limit", work.ReasonBadBlockWeight, map[string]any{"weightlimit": 561 + 81*4 - 1}},
		{"weight limit just met", "", map[string]any{"weightlimit": 561 + 81*4}},
		{"size limit", work.ReasonBadBlockLength, map[string]any{"sizelimit": 300}},
		{"commitment", work.ReasonBadWitnessMerkleMatch, map[string]any{"default_witness_commitment": strings.Repeat("00", 32)}},
		{"commitment script", work.ReasonBadWitnessMerkleMatch, map[string]any{"default_witness_commitment": "6a24aa21a9ed" + strings.Repeat("00", 32)}},
		{"transaction missing", work.ReasonBadWitnessMerkleMatch, map[string]any{"transactions": []any{}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := parse(t, edit(t, templateRegtest505, test.fields)).Check()
			require.Equal(t, test.reason, v.Reason, v.String())
			require.NotContains(t, v.String(), "\n")
		})
	}
	require.Equal(t, work.ReasonBadWitnessMerkleMatch, parse(t, []byte(templateTestnet1038222)).Check().Reason)
}

// TestTemplateOrder lists a transaction before one that it spends from, and one twice spent.
func TestTemplateOrder(t *testing.T) {
	spending := func(id string) map[string]any { return map[string]any{"data": anyoneSpends(id)} }
	first := spending(strings.Repeat("11", 32))
	parsed := parse(t, edit(t, templateRegtest505, map[string]any{"transactions": []any{first}, "default_witness_commitment": nil}))
	id := parsed.Transactions[0].TxID
	second := spending(hex.EncodeToString(id[:]))
	check := func(txs ...any) work.Verdict {
		return parse(t, edit(t, templateRegtest505, map[string]any{"transactions": txs, "default_witness_commitment": nil})).Check()
	}
	require.Equal(t, work.Verdict{}, check(first, second))
	v := check(second, first)
	require.Equal(t, work.ReasonBadTxnsMissingOrSpent, v.Reason)
	require.Contains(t, v.Detail, "transaction 1 spends from transaction 2")
	other := map[string]any{"data": strings.Replace(first["data"].(string), "02000000", "01000000", 1)}
	v = check(first, other)
	require.Equal(t, work.ReasonBadTxnsMissingOrSpent, v.Reason)
	require.Contains(t, v.Detail, "transactions 1 and 2 spend the same output")
	coinbase := spending(strings.Repeat("00", 32))
	coinbase["data"] = strings.Replace(coinbase["data"].(string), strings.Repeat("00", 32)+"00000000"+"00", strings.Repeat("00", 32)+"ffffffff"+"025151", 1)
	require.Equal(t, work.ReasonBadCoinbaseMultiple, check(coinbase).Reason)
}

// TestRealTemplates builds a block from every real template and lets btcd judge those whose target a test can meet.
func TestRealTemplates(t *testing.T) {
	dir := realData(t)
	files, err := filepath.Glob(filepath.Join(dir, "gbt", "*.json"))
	require.NoError(t, err)
	tried := 0
	for _, file := range files {
		name := filepath.Base(file)
		if name == "index.json" || strings.HasSuffix(name, ".notify.json") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			template := parse(t, text)
			tried++
			v := template.Check()
			if strings.Contains(name, "1038222") {
				require.Equal(t, work.ReasonBadWitnessMerkleMatch, v.Reason)
				return
			}
			require.Equal(t, work.Verdict{}, v)
			j, err := work.NewJob(name, template, work.CoinbaseOptions{Payouts: []work.Payout{{Script: []byte{0x51}, Value: work.Remainder}}})
			require.NoError(t, err)
			if template.Bits == 0x207fffff {
				raw, err := j.Block(solve(t, j, make([]byte, 12)))
				require.NoError(t, err)
				requireBlock(t, raw, j, work.BlockRules{BIP54: true})
			}
			requireNotify(t, strings.TrimSuffix(file, ".json")+".notify.json", j)
		})
	}
	require.GreaterOrEqual(t, tried, 12)
}

// requireNotify compares a job with what ckpool announced for the same template, where that was recorded.
func requireNotify(t *testing.T, file string, j *work.Job) {
	t.Helper()
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return
	}
	require.NoError(t, err)
	var notify struct{ Params []any }
	require.NoError(t, json.Unmarshal(text, &notify))
	prev := make([]byte, 0, 32)
	for i := 0; i < 32; i += 4 {
		for k := 3; k >= 0; k-- {
			prev = append(prev, j.PrevBlock[i+k])
		}
	}
	require.Equal(t, notify.Params[1], hex.EncodeToString(prev))
	branch := notify.Params[4].([]any)
	require.Len(t, j.Branch, len(branch))
	for i := range branch {
		require.Equal(t, branch[i], hex.EncodeToString(j.Branch[i][:]))
	}
	require.Equal(t, notify.Params[6], j.Bits.String())
	commitment := hex.EncodeToString(j.CoinbaseSuffix[len(j.CoinbaseSuffix)-36 : len(j.CoinbaseSuffix)-4])
	require.Contains(t, notify.Params[3], commitment, "the coinbase commits to the same")
}

func FuzzParseTemplate(f *testing.F) {
	f.Add([]byte(templateRegtest505))
	f.Add([]byte(templateSignet123))
	f.Add([]byte(templateTestnet1038222))
	f.Add([]byte(`{"version":1,"transactions":[{"data":"02000000000101","depends":[1]}],"coinbasetxn":{"data":"","txid":""}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		template, err := work.ParseTemplate(text)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 1000)
			return
		}
		require.True(t, json.Valid(text), "what is accepted is JSON")
		template.Check()
		j, err := work.NewJob("fuzz", template, work.CoinbaseOptions{Payouts: []work.Payout{{Script: []byte{0x51}, Value: work.Remainder}}})
		if err != nil {
			return
		}
		s := &work.Solution{Extranonce: make([]byte, j.ExtranonceSize())}
		raw, err := j.Block(s)
		require.NoError(t, err)
		_, err = work.ParseBlock(raw)
		require.NoError(t, err, "what is built can be read")
	})
}
