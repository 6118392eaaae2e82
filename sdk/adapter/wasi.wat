;; What compilers for WASI preview 1 (Go, C) link against, for a place that has none of it. A sink sees no clock, no
;; chance and no files, so that the same rows give the same output; what it prints becomes lines of the log. A
;; component that is made with this imports nothing of WASI.
;;
;; Signatures and layouts: the witx of wasi_snapshot_preview1,
;; <https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md>.
(module
  (import "env" "memory" (memory 0))
  ;; level (of `wasm-sink:sink/log`: 1 info, 3 error), message
  (import "wasm-sink:sink/log@0.1.0" "write" (func $log (param i32 i32 i32)))

  ;; Nanoseconds since 1970, which is when it begins: a microsecond per read, as long as is asked for per sleep.
  (global $time_ns (mut i64) (i64.const 0))
  ;; Of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): the same in each
  ;; instance.
  (global $seed (mut i64) (i64.const 0x5EED))

  (func (export "clock_time_get") (param $clock i32) (param $precision i64) (param $time i32) (result i32)
    (global.set $time_ns (i64.add (global.get $time_ns) (i64.const 1000)))
    (i64.store (local.get $time) (global.get $time_ns))
    (i32.const 0))

  (func (export "random_get") (param $to i32) (param $length i32) (result i32) (local $z i64)
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $length)))
      (global.set $seed (i64.add (global.get $seed) (i64.const 0x9E3779B97F4A7C15)))
      (local.set $z (global.get $seed))
      (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 30))) (i64.const 0xBF58476D1CE4E5B9)))
      (local.set $z (i64.mul (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 27))) (i64.const 0x94D049BB133111EB)))
      (i64.store8 (local.get $to) (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 31))))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br $next)))
    (i32.const 0))

  ;; What is printed becomes lines, also where it comes in pieces: they are joined where the guest has lent some memory.
  (global $line (mut i32) (i32.const 0))
  (global $room (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))
  (global $level (mut i32) (i32.const 1))

  (func (export "lend_line") (param $line i32) (param $room i32)
    (global.set $line (local.get $line))
    (global.set $room (local.get $room)))

  (func $end_line (export "end_line")
    (if (i32.eqz (global.get $length)) (then (return)))
    (call $make_characters)
    (call $log (global.get $level) (global.get $line) (global.get $length))
    (global.set $length (i32.const 0)))

  ;; How many bytes the character has that begins here; 0 where none does.
  (func $character (param $at i32) (param $left i32) (result i32) (local $first i32) (local $second i32) (local $size i32) (local $i i32)
    (local.set $first (i32.load8_u (local.get $at)))
    (if (i32.lt_u (local.get $first) (i32.const 0x80)) (then (return (i32.const 1))))
    (local.set $size (select (i32.const 4)
      (select (i32.const 3) (i32.const 2) (i32.ge_u (local.get $first) (i32.const 0xE0)))
      (i32.ge_u (local.get $first) (i32.const 0xF0))))
    (if (i32.or (i32.or (i32.lt_u (local.get $first) (i32.const 0xC2)) (i32.gt_u (local.get $first) (i32.const 0xF4)))
                (i32.gt_u (local.get $size) (local.get $left)))
      (then (return (i32.const 0))))
    (local.set $i (i32.const 1))
    (loop $next
      (if (i32.ne (i32.and (i32.load8_u (i32.add (local.get $at) (local.get $i))) (i32.const 0xC0)) (i32.const 0x80))
        (then (return (i32.const 0))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $size))))
    ;; Longer than need be, a surrogate, beyond what there is.
    (local.set $second (i32.load8_u offset=1 (local.get $at)))
    (if (i32.or
          (i32.or (i32.and (i32.eq (local.get $first) (i32.const 0xE0)) (i32.lt_u (local.get $second) (i32.const 0xA0)))
                  (i32.and (i32.eq (local.get $first) (i32.const 0xED)) (i32.ge_u (local.get $second) (i32.const 0xA0))))
          (i32.or (i32.and (i32.eq (local.get $first) (i32.const 0xF0)) (i32.lt_u (local.get $second) (i32.const 0x90)))
                  (i32.and (i32.eq (local.get $first) (i32.const 0xF4)) (i32.ge_u (local.get $second) (i32.const 0x90)))))
      (then (return (i32.const 0))))
    (local.get $size))

  ;; Puts a question mark for each byte of the line that belongs to no character: the host takes no other text.
  (func $make_characters (local $at i32) (local $size i32)
    (loop $next
      (local.set $size (call $character
        (i32.add (global.get $line) (local.get $at)) (i32.sub (global.get $length) (local.get $at))))
      (if (i32.eqz (local.get $size)) (then
        (i32.store8 (i32.add (global.get $line) (local.get $at)) (i32.const 0x3F))
        (local.set $size (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (local.get $size)))
      (br_if $next (i32.lt_u (local.get $at) (global.get $length)))))

  (func $print (param $level i32) (param $from i32) (param $length i32) (local $end i32) (local $byte i32)
    (if (i32.ne (local.get $level) (global.get $level)) (then
      (call $end_line)
      (global.set $level (local.get $level))))
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $from) (local.get $end)))
      (local.set $byte (i32.load8_u (local.get $from)))
      (if (i32.eq (local.get $byte) (i32.const 10))
        (then (call $end_line))
        (else
          (if (i32.eq (global.get $length) (global.get $room)) (then (call $end_line)))
          (i32.store8 (i32.add (global.get $line) (global.get $length)) (local.get $byte))
          (global.set $length (i32.add (global.get $length) (i32.const 1)))))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (br $next))))

  ;; A guest that has lent nothing yet is heard all the same: each buffer is a line, or several, and the end of the line goes.
  (func $print_whole (param $level i32) (param $from i32) (param $length i32)
    (if (i32.eqz (local.get $length)) (then (return)))
    (if (i32.eq (i32.load8_u (i32.sub (i32.add (local.get $from) (local.get $length)) (i32.const 1))) (i32.const 10))
      (then (local.set $length (i32.sub (local.get $length) (i32.const 1)))))
    (if (local.get $length) (then (call $log (local.get $level) (local.get $from) (local.get $length)))))

  (func (export "fd_write") (param $fd i32) (param $buffers i32) (param $count i32) (param $written i32) (result i32)
    (local $sum i32) (local $level i32) (local $length i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (local.set $level (select (i32.const 1) (i32.const 3) (i32.eq (local.get $fd) (i32.const 1))))
    (block $done (loop $next
      (br_if $done (i32.eqz (local.get $count)))
      (local.set $length (i32.load offset=4 (local.get $buffers)))
      (local.set $sum (i32.add (local.get $sum) (local.get $length)))
      (if (global.get $room)
        (then (call $print (local.get $level) (i32.load (local.get $buffers)) (local.get $length)))
        (else (call $print_whole (local.get $level) (i32.load (local.get $buffers)) (local.get $length))))
      (local.set $buffers (i32.add (local.get $buffers) (i32.const 8)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  ;; A terminal that is written to (filetype 2, rights of fd_write): lines come when they end, not when a buffer is full.
  (func (export "fd_fdstat_get") (param $fd i32) (param $stat i32) (result i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (i64.store (local.get $stat) (i64.const 2))
    (i64.store offset=8 (local.get $stat) (i64.const 64))
    (i64.store offset=16 (local.get $stat) (i64.const 0))
    (i32.const 0))

  ;; The first of what is waited for has come: an event of 32 bytes with its userdata and type. A clock's time comes by
  ;; being waited for.
  (func (export "poll_oneoff") (param $subscriptions i32) (param $events i32) (param $count i32) (param $come i32) (result i32)
    (local $until i64)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (memory.fill (local.get $events) (i32.const 0) (i32.const 32))
    (i64.store (local.get $events) (i64.load (local.get $subscriptions)))
    (i32.store8 offset=10 (local.get $events) (i32.load8_u offset=8 (local.get $subscriptions)))
    (if (i32.eqz (i32.load8_u offset=8 (local.get $subscriptions))) (then
      (local.set $until (i64.load offset=24 (local.get $subscriptions)))
      (if (i32.eqz (i32.and (i32.load16_u offset=40 (local.get $subscriptions)) (i32.const 1)))
        (then (local.set $until (i64.add (global.get $time_ns) (local.get $until)))))
      (if (i64.gt_u (local.get $until) (global.get $time_ns)) (then (global.set $time_ns (local.get $until))))))
    (i32.store (local.get $come) (i32.const 1))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))
  (func (export "proc_exit") (param $code i32)
    (call $end_line)
    (unreachable))

  ;; No arguments, no environment.
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "args_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))
  (func (export "environ_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))

  ;; There are no files, no sockets and no signals: "bad descriptor", as any that is not open.
  (func (export "clock_res_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_close") (param i32) (result i32) (i32.const 8))
  (func (export "fd_datasync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_read") (param i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 8))
  (func (export "fd_tell") (param i32 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 8))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8))
  (func (export "proc_raise") (param i32) (result i32) (i32.const 8))
)
