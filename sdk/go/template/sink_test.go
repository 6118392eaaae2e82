package main

import "testing"

func TestSize(t *testing.T) {
	for amount, expected := range map[float64]string{99.99: "small", 100: "medium", 499.99: "medium", 500: "large"} {
		if got := size(amount); got != expected {
			t.Errorf("%v is %s, not %s", amount, got, expected)
		}
	}
}
