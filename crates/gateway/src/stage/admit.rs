//! Admission: inputs that are too large are refused before anything looks at them.

use std::io;

use nexus_kernel::Json;
use nexus_kernel::code;
use nexus_kernel::error::Error;

/// Refuses an input that is longer than a payload may be when written as JSON.
pub(crate) fn payload(input: &Json, bytes_max: usize) -> Result<(), Error> {
    serde_json::to_writer(Budget(bytes_max), input).map_err(|_| {
        Error::new(&code::TOO_LARGE, format!("the input is larger than {bytes_max} bytes"))
            .help("store large data elsewhere and pass a reference to it")
    })
}

/// A writer that keeps nothing and fails once more bytes came than were left.
struct Budget(usize);

impl io::Write for Budget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_kernel::limits::PAYLOAD_BYTES_MAX;

    #[test]
    fn the_limit_counts_the_written_form() {
        let longest = "x".repeat(PAYLOAD_BYTES_MAX - 2);
        assert!(payload(&Json::String(longest.clone()), PAYLOAD_BYTES_MAX).is_ok());
        let error = payload(&Json::String(longest + "x"), PAYLOAD_BYTES_MAX).unwrap_err();
        assert_eq!(error.code().id, "NX-2007");
    }
}
