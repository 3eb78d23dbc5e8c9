// Package serve runs touchstone's roles: it joins where templates come from,
// the rules, and the search into something that runs until it is told to stop.
//
// It knows how the parts fit together, and tells what happens as [Event]
// values. It does not know flags or terminals, and it judges nothing: rules are
// package work's, and what a node says of a block is package node's.
package serve
