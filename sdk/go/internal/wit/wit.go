// Package wit has the bindings of the contract in its folders.
package wit

//go:generate go run generate.go
