// Package audit says what shares prove about the machine that sent them: how fast it hashes, and how sure that is.
//
// It is statistics over shares that somebody judged and over what the machine claims. It does not judge shares, reads no
// clock (time is an argument), no file and no socket, and changes nothing about a machine. What it keeps does not grow with
// the number of shares, is brought up to date share by share, can be written as JSON and read back, and two parts of one
// record can be merged.
//
// # Rates
//
// A machine that computes H hashes a second finds shares as a Poisson process: under a target t, which takes
// w = 2^256/(t+1) hashes on average, H/w of them a second. So the number of shares that were found while targets t_k were in
// force for T_k seconds each has the mean H·E, where E = Σ T_k/w_k is the [Exposure], in seconds per hash. The number alone
// holds all that the shares say about H: the [Rate] is N/E, and the exact interval is that of a Poisson count ([Garwood])
// divided by E.
//
// A hash is one SHA-256d of one header. Shares are those that the auditor received and found good; what a machine computes
// and does not send proves nothing.
package audit
