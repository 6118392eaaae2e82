//! Numbers in Avro's binary encoding (Avro 1.12, "Binary Encoding" and "Decimal").

/// An `int` or `long`: seven bits a byte, the least first, with the sign in the last bit.
#[inline]
pub(super) fn put_long(value: i64, out: &mut Vec<u8>) {
    let mut left = ((value << 1) ^ (value >> 63)) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// `bytes`, and the bytes of a `string`.
#[inline]
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

/// A whole number in two's complement, the most significant byte first, in as few as it needs.
pub(super) fn put_twos_complement(bytes: &[u8], out: &mut Vec<u8>) {
    let mut kept = bytes;
    while let [first @ (0 | 0xff), rest @ ..] = kept
        && rest.first().is_some_and(|next| (next ^ first) < 0x80)
    {
        kept = rest;
    }
    put_bytes(kept, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_take_few_bytes() {
        let bytes = |value| {
            let mut out = Vec::new();
            put_long(value, &mut out);
            out
        };
        assert_eq!(bytes(0), [0]);
        assert_eq!(bytes(-1), [1]);
        assert_eq!(bytes(64), [0x80, 1]);
        assert_eq!(
            bytes(i64::MAX),
            [vec![0xfe], vec![0xff; 8], vec![1]].concat()
        );
        assert_eq!(bytes(i64::MIN), [vec![0xff; 9], vec![1]].concat());
    }

    #[test]
    fn whole_numbers_keep_their_sign() {
        let bytes = |value: i128| {
            let mut out = Vec::new();
            put_twos_complement(&value.to_be_bytes(), &mut out);
            out[1..].to_vec()
        };
        assert_eq!(bytes(0), [0]);
        assert_eq!(bytes(-1), [0xff]);
        assert_eq!(bytes(127), [0x7f]);
        assert_eq!(bytes(128), [0, 0x80]);
        assert_eq!(bytes(-128), [0x80]);
        assert_eq!(bytes(-129), [0xff, 0x7f]);
        assert_eq!(bytes(i128::MIN), i128::MIN.to_be_bytes());
    }
}
