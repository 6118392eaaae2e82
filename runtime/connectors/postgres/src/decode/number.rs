//! numeric: groups of four decimal digits (`numeric_send` in PostgreSQL's numeric.c).
//!
//! Four words of 16 bits – number of groups, weight, sign, digits shown after the point –, then
//! the groups. The first group counts 10000 to the power of the weight.

use arrow::array::ArrowNativeTypeOp;
use arrow::datatypes::{ArrowNativeType, DecimalType};

use super::{Decimal, Fault};

const POSITIVE: u16 = 0;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;

/// Digits of a group.
const GROUP: i32 = 4;
/// What the next group counts less.
const BASE: usize = 10_000;

/// The value times ten to the power of the column's scale.
pub(super) fn numeric<T>(value: &[u8], column: Decimal) -> Result<T::Native, Fault>
where
    T: DecimalType,
    T::Native: ArrowNativeTypeOp,
{
    let numeric = Numeric::read(value)?;
    let unscaled = numeric.unscaled::<T::Native>(column)?;
    let unscaled =
        unscaled.filter(|unscaled| T::is_valid_decimal_precision(*unscaled, column.precision()));
    unscaled.ok_or_else(|| numeric.too_long(column))
}

struct Numeric<'a> {
    groups: &'a [[u8; 2]],
    weight: i32,
    is_negative: bool,
}

impl<'a> Numeric<'a> {
    fn read(value: &'a [u8]) -> Result<Self, Fault> {
        let (words, odd) = value.as_chunks::<2>();
        let whole = words.split_first_chunk::<4>().filter(|_| odd.is_empty());
        let Some((&[count, weight, sign, _], groups)) = whole else {
            return Err(Fault::malformed("is no numeric"));
        };
        if usize::from(u16::from_be_bytes(count)) != groups.len() {
            return Err(Fault::malformed("is a numeric of another length"));
        }
        let is_negative = match u16::from_be_bytes(sign) {
            POSITIVE => false,
            NEGATIVE => true,
            NAN => return Err(Fault::misfit("is NaN, which is no decimal")),
            INFINITY => return Err(Fault::misfit("is Infinity, which is no decimal")),
            NEGATIVE_INFINITY => return Err(Fault::misfit("is -Infinity, which is no decimal")),
            _ => return Err(Fault::malformed("is a numeric of unknown sign")),
        };
        Ok(Self {
            groups,
            weight: i16::from_be_bytes(weight).into(),
            is_negative,
        })
    }

    /// None: it has more digits than the column, or than the type.
    fn unscaled<N: ArrowNativeTypeOp + ArrowNativeType>(
        &self,
        column: Decimal,
    ) -> Result<Option<N>, Fault> {
        // Of what the next group counts, as a power of ten.
        let mut exponent = GROUP * self.weight + i32::from(column.scale());
        let mut digits = Digits::<N>::new();
        for group in self.groups {
            let group = usize::from(u16::from_be_bytes(*group));
            if group >= BASE {
                return Err(Fault::malformed("is a numeric with a digit that is none"));
            }
            // What of the group stands after the column's last digit.
            let cut = match exponent {
                0.. => 1,
                -1 => 10,
                -2 => 100,
                -3 => 1000,
                _ => BASE,
            };
            let fits = group % cut == 0 && (cut == BASE || digits.push(BASE / cut, group / cut));
            if !fits {
                return Ok(None);
            }
            exponent -= GROUP;
        }
        // The server leaves zeros at the end out.
        Ok(digits
            .shifted(exponent + GROUP)
            .map(|sum| match self.is_negative {
                true => sum.neg_wrapping(),
                false => sum,
            }))
    }

    #[cold]
    fn too_long(&self, column: Decimal) -> Fault {
        let (precision, scale) = (column.precision(), column.scale());
        Fault::misfit(format!(
            "is {}, which decimal({precision},{scale}) cannot hold exactly",
            self.shown()
        ))
    }

    /// Enough of it to find it by.
    fn shown(&self) -> String {
        const SHOWN: usize = 40;
        let group = |power: i32| {
            let at = usize::try_from(self.weight - power).ok();
            let group = at.and_then(|at| self.groups.get(at));
            u16::from_be_bytes(group.copied().unwrap_or_default())
        };
        let last = self.weight - self.groups.len() as i32;
        let mut text = String::from(if self.is_negative { "-" } else { "" });
        text += &group(self.weight.max(0)).to_string();
        for power in (last.min(-1) + 1..self.weight.max(0)).rev() {
            if text.len() > SHOWN {
                text.truncate(SHOWN);
                return text + "…";
            }
            if power == -1 {
                text.push('.');
            }
            text += &format!("{:04}", group(power));
        }
        match text.contains('.') {
            true => text.trim_end_matches('0').to_owned(),
            false => text,
        }
    }
}

/// Adds up digits, as many as fit in a machine's word at a time: what is wider is slow.
struct Digits<N> {
    sum: N,
    /// Still to be added to the sum, which is multiplied by the factor before.
    part: usize,
    factor: usize,
}

impl<N: ArrowNativeTypeOp + ArrowNativeType> Digits<N> {
    fn new() -> Self {
        Self {
            sum: N::ZERO,
            part: 0,
            factor: 1,
        }
    }

    /// Appends digits below `factor`, which is at most [`BASE`]. False: the sum is too long.
    fn push(&mut self, factor: usize, digits: usize) -> bool {
        self.factor *= factor;
        self.part = self.part * factor + digits;
        self.factor <= usize::MAX / BASE || self.add().is_some()
    }

    fn add(&mut self) -> Option<()> {
        let part = N::usize_as(self.part);
        self.sum = match self.sum.is_zero() {
            true => part,
            false => {
                let shifted = self.sum.mul_checked(N::usize_as(self.factor)).ok()?;
                shifted.add_checked(part).ok()?
            }
        };
        (self.part, self.factor) = (0, 1);
        Some(())
    }

    /// The sum, with so many zeros after it.
    fn shifted(mut self, zeros: i32) -> Option<N> {
        if self.part == 0 && self.sum.is_zero() {
            return Some(N::ZERO);
        }
        for done in (0..zeros).step_by(GROUP as usize) {
            let power = (zeros - done).min(GROUP) as u32;
            if !self.push(10_usize.pow(power), 0) {
                return None;
            }
        }
        self.add()?;
        Some(self.sum)
    }
}
