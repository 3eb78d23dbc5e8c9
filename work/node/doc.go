// Package node knows where block templates come from and where blocks go: the
// JSON-RPC interface of bitcoind and btcd, failover between several nodes, and
// the journal that keeps a found block until a node has judged it.
//
// It moves templates and blocks as bytes. Of a template it reads only longpollid
// and previousblockhash, of a block only the header's hash; everything else is
// package work's. Who mines, and what a block is worth, it does not know.
//
// A [Client] speaks to one node. [Nodes] puts several Sources in order and
// falls over between them. A [Submitter] takes found blocks through a [Journal]
// to a [Source]. Failures to speak to a node are errors ([*Error]); what a node
// says of a block is a value ([Answer]). [LockFolder] and [WriteFile] keep what is
// on disk to one process, and whole.
package node
