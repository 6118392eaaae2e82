"""Writes the streams that arrow_test.go reads: make.py FOLDER, with pyarrow."""
import pyarrow as pa, datetime as d, decimal, sys
out=sys.argv[1]
utc=d.timezone.utc
cols=[
 ("n",pa.null(),[None,None,None]),
 ("b",pa.bool_(),[True,None,False]),
 ("i8",pa.int8(),[-128,None,127]),("i16",pa.int16(),[-32768,None,32767]),("i32",pa.int32(),[-2**31,None,2**31-1]),("i64",pa.int64(),[-2**63,None,2**63-1]),
 ("u8",pa.uint8(),[0,None,255]),("u16",pa.uint16(),[0,None,65535]),("u32",pa.uint32(),[0,None,2**32-1]),("u64",pa.uint64(),[0,None,2**64-1]),
 ("f16",pa.float16(),[1.5,None,-0.25]),("f32",pa.float32(),[1.5,None,-0.25]),("f64",pa.float64(),[0.1,None,-1e300]),
 ("s",pa.utf8(),["a",None,"größe"]),("ls",pa.large_utf8(),["a",None,""]),
 ("x",pa.binary(),[b"\x00\xff",None,b""]),("lx",pa.large_binary(),[b"\x01",None,b""]),("fx",pa.binary(2),[b"ab",None,b"cd"]),
 ("d32",pa.date32(),[d.date(2026,3,1),None,d.date(1969,12,31)]),("d64",pa.date64(),[d.date(2026,3,1),None,d.date(1969,12,31)]),
 ("t32",pa.time32("ms"),[d.time(1,2,3,4000),None,d.time(23,59,59)]),("t64",pa.time64("us"),[d.time(1,2,3,4),None,d.time(23,59,59)]),
 ("ts",pa.timestamp("us","+00:00"),[d.datetime(2026,3,1,10,tzinfo=utc),None,d.datetime(1969,12,31,23,59,59,999999,tzinfo=utc)]),
 ("tn",pa.timestamp("ns"),[d.datetime(2026,3,1,10),None,d.datetime(1969,12,31,23,59,59,999999)]),
 ("du",pa.duration("ms"),[d.timedelta(seconds=1),None,d.timedelta(days=-1)]),
 ("de",pa.decimal128(38,2),[decimal.Decimal("12.50"),None,decimal.Decimal("-999999999999999999999999999999999999.99")]),
 ("l",pa.list_(pa.utf8()),[["a",None],None,[]]),("ll",pa.large_list(pa.int32()),[[1,2],None,[3]]),("fl",pa.list_(pa.float32(),2),[[1,2],None,[3,4]]),
 ("st",pa.struct([("country",pa.utf8()),("score",pa.int32())]),[{"country":"DE","score":1},None,{"country":None,"score":2}]),
 ("m",pa.map_(pa.utf8(),pa.int64()),[[("k",1)],None,[]]),
 ("deep",pa.list_(pa.struct([("tags",pa.list_(pa.utf8()))])),[[{"tags":["x"]},None],None,[{"tags":None}]]),
]
def write(name,batch):
    s=pa.BufferOutputStream()
    with pa.ipc.new_stream(s,batch.schema) as w: w.write_batch(batch)
    open(f"{out}/{name}.arrows","wb").write(s.getvalue().to_pybytes())
batch=pa.RecordBatch.from_arrays([pa.array(v,t) for _,t,v in cols],schema=pa.schema([(n,t) for n,t,_ in cols]))
write("every_type",batch)
write("no_rows",batch.slice(0,0))
write("interval",pa.RecordBatch.from_arrays([pa.array([None],pa.month_day_nano_interval())],["span"]))
write("dictionary",pa.RecordBatch.from_arrays([pa.array(["a"]).dictionary_encode()],["word"]))
