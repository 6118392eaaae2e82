// Package kafka stages rows as records of topics of a Kafka cluster: the capability "kafka" of sink.toml.
package kafka

import (
	wasmsink "github.com/wasm-sink/wasm-sink/sdk/go"
	"github.com/wasm-sink/wasm-sink/sdk/go/internal/bridge"
	host "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_kafka_kafka"
	types "github.com/wasm-sink/wasm-sink/sdk/go/internal/wit/wasm_sink_sink_types"
)

// Encoding is how rows become the values of records.
type Encoding uint8

// The encodings.
const (
	// JSON is an object of the columns, nulls included.
	JSON Encoding = Encoding(host.EncodingJson)
	// Avro stands behind the registry's five bytes. The host registers the schema under "<topic>-value".
	Avro Encoding = Encoding(host.EncodingAvro)
	// Plain is one column as it is: text and binary values byte for byte, others as text. Null: a tombstone.
	Plain Encoding = Encoding(host.EncodingPlain)
)

// Role is what a column is for, beside or in place of being part of the value.
type Role uint8

// The roles.
const (
	// Key of the record: text and binary values byte for byte, others as text. Null: no key.
	Key Role = Role(host.RoleKey)
	// Timestamp is a time, or milliseconds since 1970 as an integer. Null: the time of sending.
	Timestamp Role = Role(host.RoleTimestamp)
	// Headers are names and values: text that is a JSON object, or a list of such or of pairs; a map or a struct.
	Headers Role = Role(host.RoleHeaders)
	// Partition is its number. Null: as the key says.
	Partition Role = Role(host.RolePartition)
	// Value is the only part of the value; what Plain takes.
	Value Role = Role(host.RoleValue)
)

// Share tells whether a column with a role is part of the value, too.
type Share uint8

// The shares.
const (
	// Only has the role and is no part of the value.
	Only Share = Share(host.ShareOnly)
	// Also is part of it.
	Also Share = Share(host.ShareAlso)
)

// Partitioner says which partition a record goes to that names none. Without a key: one after the other, some at a time.
type Partitioner uint8

// The partitioners.
const (
	// Murmur2 is the key's hash as Kafka's Java clients compute it.
	Murmur2 Partitioner = Partitioner(host.PartitionerMurmur2)
	// CRC32 is the key's hash as librdkafka computes it where nothing else is said.
	CRC32 Partitioner = Partitioner(host.PartitionerCrc32)
	// FNV1a is the key's hash as Sarama computes it.
	FNV1a Partitioner = Partitioner(host.PartitionerFnv1a)
	// Random looks at no key.
	Random Partitioner = Partitioner(host.PartitionerRandom)
)

// Topic lives as long as the instance. A call that answers nil was accepted, and is not durable yet.
type Topic struct{ topic *host.Topic }

// Open names a topic: connection is a role in [sink], "default" if there is one. A topic that is missing is made, with
// what the brokers have as defaults. Unknown role: Denied. A bad name: Invalid.
func Open(connection, name string) (*Topic, error) {
	topic, err := bridge.Value(host.TopicOpen(connection, name))
	if err != nil {
		return nil, err
	}
	return &Topic{topic}, nil
}

// EncodeAs says how values are made; JSON unless said.
func (t *Topic) EncodeAs(encoding Encoding) error {
	return bridge.Done(t.topic.EncodeAs(uint8(encoding)))
}

// Assign says what a column is for. Said twice of a role: the last counts.
func (t *Topic) Assign(role Role, column string, share Share) error {
	return bridge.Done(t.topic.Assign(uint8(role), column, uint8(share)))
}

// LeaveOut names columns that are in no value.
func (t *Topic) LeaveOut(columns ...string) error { return bridge.Done(t.topic.LeaveOut(columns)) }

// KeyFrom makes the record's key of several columns, which stay in the value: "{region}-{id}"; "{{" is a brace. A null
// there: the host makes a dead letter of the row. A bad template: Invalid.
func (t *Topic) KeyFrom(template string) error { return bridge.Done(t.topic.KeyFrom(template)) }

// PartitionBy chooses the partitioner; Murmur2 unless said. After rows of this instance: Invalid.
func (t *Topic) PartitionBy(partitioner Partitioner) error {
	return bridge.Done(t.topic.PartitionBy(uint8(partitioner)))
}

// Append stages rows as records. A column with a role that the rows lack is all null; without that of Value, where Plain
// needs it: Invalid. A value that has no such form, and a record that is larger than the topic takes: the host makes a
// dead letter of the row.
func (t *Topic) Append(rows *wasmsink.Batch) error {
	return bridge.Append(rows, func(handle *types.Batch) bridge.Unit { return t.topic.Append(handle) })
}
