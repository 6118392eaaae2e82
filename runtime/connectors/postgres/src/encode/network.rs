//! Addresses and networks (`network_send` in PostgreSQL's network.c).

use std::net::IpAddr;

use arrow::array::ArrayRef;

use super::cell::Cell;
use super::text::{shortened, texts};
use crate::types::Network;

const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 3;

pub(super) fn address(values: &ArrayRef, network: Network) -> Option<Cell> {
    let texts = texts(values)?;
    Some(Box::new(move |row, out| {
        let text = texts.text(row);
        let (address, bits) = parse(text)
            .ok_or_else(|| format!("is \"{}\", which is no address", shortened(text)))?;
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        if network == Network::Cidr && has_bits_after(&octets, bits) {
            return Err(format!("is {text}, which has bits set outside its network").into());
        }
        out.push(if address.is_ipv4() {
            FAMILY_V4
        } else {
            FAMILY_V6
        });
        out.push(bits);
        out.push(u8::from(network == Network::Cidr));
        out.push(octets.len() as u8);
        out.extend_from_slice(&octets);
        Ok(())
    }))
}

/// An address and how many of its bits are the network's.
fn parse(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some((address, bits))
}

fn has_bits_after(octets: &[u8], bits: u8) -> bool {
    octets.iter().enumerate().any(|(index, octet)| {
        let kept = usize::from(bits).saturating_sub(index * 8).min(8);
        kept < 8 && octet & (0xff >> kept) != 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_whole_or_not_at_all() {
        for (text, bits) in [
            ("10.0.0.1", 32),
            ("10.0.0.0/8", 8),
            ("::1", 128),
            ("fe80::/10", 10),
        ] {
            assert_eq!(parse(text).unwrap().1, bits);
        }
        for text in ["", "10.0.0", "10.0.0.1/33", "::1/129", "host", "10.0.0.1/"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(!has_bits_after(&[10, 0, 0, 0], 8));
        assert!(has_bits_after(&[10, 1, 0, 0], 8));
        assert!(has_bits_after(&[10, 0, 0, 1], 31));
        assert!(!has_bits_after(&[10, 0, 0, 1], 32));
    }
}
