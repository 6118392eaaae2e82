//go:build ignore

// Command generate writes the bindings of the contract: all folders beside this file but export_wasm_sink_sink_sink. It
// needs wit-bindgen 0.60 on PATH, and the repository around it.
//
//	go generate ./internal/wit
//
// What wit-bindgen writes is changed in four ways: it stands on package abi; functions of the host are declared in a
// file of their own, which has a twin for everything but Wasm, so that `go test` links; no resource is given back by a
// cleanup, which may run while the host asks for memory and does not take calls; and pointers and structs are made as
// `go vet` wants it.
package main

import (
	"fmt"
	"go/format"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// names of the fields of what the bindings write without them.
var names = map[string][]string{
	"Error":  {"Kind", "Message", "RetryAfterMs"},
	"Field":  {"Name", "DataType", "Nullable"},
	"Tuple2": {"F0", "F1"},
}

const module = "github.com/wasm-sink/wasm-sink/sdk/go/internal/"

const world = `package my:component;

world sink {
    include wasm-sink:sink/sink-component@0.1.0;
    import wasm-sink:delta/delta@0.1.0;
    import wasm-sink:duckdb/duckdb@0.1.0;
    import wasm-sink:http/http@0.1.0;
    import wasm-sink:kafka/kafka@0.1.0;
    import wasm-sink:postgres/postgres@0.1.0;
}
`

var (
	hostFunction = regexp.MustCompile(`(?m)^(//go:wasmimport .*)\n(func .*)\n`)
	runtimeOf    = regexp.MustCompile(`"go\.bytecodealliance\.org/pkg/wit/\w+"`)
	literal      = regexp.MustCompile(`\b(?:\w+\.(Error|Field)|witTypes\.(Tuple2)\[.*\])\{`)
	cleanup      = regexp.MustCompile(`(?s)\n\truntime\.AddCleanup\(.*?\}, 0\)`)
	ofNumber     = regexp.MustCompile(`unsafe\.Pointer\((uintptr\(|returnArea\)|exportReturnArea\)|arg\d+\))`)
)

func main() {
	log.SetFlags(0)
	contract := try(os.MkdirTemp("", "contract"))
	defer os.RemoveAll(contract)
	check(os.CopyFS(filepath.Join(contract, "deps"), os.DirFS("../../../../wit/deps")))
	check(os.WriteFile(filepath.Join(contract, "world.wit"), []byte(world), 0o644))
	bindings := try(os.MkdirTemp("", "bindings"))
	defer os.RemoveAll(bindings)
	command := exec.Command("wit-bindgen", "go", contract, "--world", "sink", "--out-dir", bindings, "--pkg-name", module+"wit")
	if said, err := command.CombinedOutput(); err != nil {
		log.Fatalf("wit-bindgen: %v\n%s", err, said)
	}
	for _, path := range try(filepath.Glob(filepath.Join(bindings, "*", "*.go"))) {
		folder := filepath.Base(filepath.Dir(path))
		check(os.MkdirAll(folder, 0o755))
		code := runtimeOf.ReplaceAllString(string(try(os.ReadFile(path))), `"`+module+`abi"`)
		code = cleanup.ReplaceAllString(code, "")
		write(folder, named(ofNumber.ReplaceAllString(code, "witRuntime.At($1")))
	}
}

// named puts names before the values of struct literals.
func named(code string) string {
	place := literal.FindStringSubmatchIndex(code)
	if place == nil {
		return code
	}
	kind := 2
	if place[kind] < 0 {
		kind = 4
	}
	fields := names[code[place[kind]:place[kind+1]]]
	var values strings.Builder
	depth, end := 1, place[1]
	for values.WriteString(fields[0] + ": "); depth > 0; end++ {
		switch c := code[end]; {
		case strings.ContainsRune("([{", rune(c)):
			depth++
		case strings.ContainsRune(")]}", rune(c)):
			depth--
		case c == ',' && depth == 1:
			fields = fields[1:]
			values.WriteString(", " + fields[0] + ":")
			continue
		}
		values.WriteByte(code[end])
	}
	return code[:place[1]] + values.String() + named(code[end:])
}

// write makes of a package's bindings up to three files.
func write(folder, code string) {
	if folder == "wit_exports" {
		save(folder, "bindings.go", "//go:build wasip1\n\n"+code)
		return
	}
	save(folder, "bindings.go", hostFunction.ReplaceAllString(code, ""))
	declared := hostFunction.FindAllStringSubmatch(code, -1)
	if len(declared) == 0 {
		return
	}
	head, _, _ := strings.Cut(code, "package ")
	head += "package " + folder + "\n\n"
	var host, nohost strings.Builder
	for _, function := range declared {
		fmt.Fprintf(&host, "%s\n%s\n\n", function[1], function[2])
		fmt.Fprintf(&nohost, "%s { panic(abi.NoHost) }\n\n", function[2])
	}
	save(folder, "host.go", "//go:build wasip1\n\n"+head+host.String())
	save(folder, "nohost.go", "//go:build !wasip1\n\n"+head+"import \""+module+"abi\"\n\n"+nohost.String())
}

func save(folder, file, code string) {
	check(os.WriteFile(filepath.Join(folder, file), try(format.Source([]byte(code))), 0o644))
}

func try[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
