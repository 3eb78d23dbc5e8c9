// Package rogue has devices that misbehave, for tests and demonstrations: real ones, which mine and lie, and synthetic ones, which
// write down what a machine of any size would have sent.
package rogue
