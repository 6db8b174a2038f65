//! CRC-32C (Castagnoli), which finds every burst of up to 32 damaged bits.

/// The reversed polynomial.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Eight tables: eight bytes are taken in at a time.
static TABLES: [[u32; 256]; 8] = tables();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of range")]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0_u32;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte as usize] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut at = 0;
        while at < 256 {
            let before = tables[table - 1][at];
            tables[table][at] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            at += 1;
        }
        table += 1;
    }
    tables
}

fn entry(table: usize, byte: u32) -> u32 {
    let index = usize::try_from(byte & 0xff).unwrap_or(0);
    TABLES.get(table).and_then(|table| table.get(index)).copied().unwrap_or(0)
}

/// Takes bytes into a running checksum, which begins as all ones and ends inverted.
fn update(mut crc: u32, bytes: &[u8]) -> u32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    for &[a, b, c, d, e, f, g, h] in eights {
        let low = crc ^ u32::from_le_bytes([a, b, c, d]);
        crc = entry(7, low)
            ^ entry(6, low >> 8)
            ^ entry(5, low >> 16)
            ^ entry(4, low >> 24)
            ^ entry(3, e.into())
            ^ entry(2, f.into())
            ^ entry(1, g.into())
            ^ entry(0, h.into());
    }
    rest.iter().fold(crc, |crc, byte| entry(0, crc ^ u32::from(*byte)) ^ (crc >> 8))
}

/// The checksum of a record at its place: a record that was moved to another key or number is as wrong as a changed one.
pub(crate) fn record_crc(key_id: i64, sequence: i64, record: &[u8]) -> i64 {
    let crc = update(u32::MAX, &key_id.to_le_bytes());
    let crc = update(crc, &sequence.to_le_bytes());
    i64::from(!update(crc, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the catalogue of CRC algorithms, and lengths around a block.
    #[test]
    fn is_crc_32c() {
        assert_eq!(!update(u32::MAX, b"123456789"), 0xe306_9283);
        assert_eq!(!update(u32::MAX, &[0; 32]), 0x8a91_36aa);
        assert_eq!(!update(u32::MAX, b""), 0);
    }

    #[test]
    fn bytes_and_place_both_count() {
        let crc = record_crc(1, 2, b"record");
        assert_ne!(crc, record_crc(2, 1, b"record"));
        assert_ne!(crc, record_crc(1, 2, b"recore"));
    }
}
