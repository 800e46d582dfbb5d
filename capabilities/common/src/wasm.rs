//! The host's functions in the sandbox: imports of the module `host`.
//!
//! Each is a function of its own, so that a module imports only what it uses: its effects are read off that.

use crate::host::{HostError, HostErrorKind};

/// How much of a failure's message is read; the host keeps them shorter.
const MESSAGE_BYTES: usize = 4096;

mod imports {
    #[link(wasm_import_module = "host")]
    extern "C" {
        pub fn http_get(url: *const u8, url_length: usize) -> i64;
        pub fn file_read(path: *const u8, path_length: usize) -> i64;
        pub fn file_write(path: *const u8, path_length: usize, data: *const u8, data_length: usize) -> i64;
        pub fn capability_call(id: *const u8, id_length: usize, input: *const u8, input_length: usize) -> i64;
        pub fn current_time_millis() -> i64;
        pub fn result_read(to: *mut u8, capacity: usize) -> i32;
    }
}

pub fn http_get(url: &str) -> Result<Vec<u8>, HostError> {
    // SAFETY: the host reads that many bytes from there during the call, and keeps no pointer.
    result(unsafe { imports::http_get(url.as_ptr(), url.len()) })
}

pub fn file_read(path: &str) -> Result<Vec<u8>, HostError> {
    // SAFETY: as in `http_get`.
    result(unsafe { imports::file_read(path.as_ptr(), path.len()) })
}

pub fn file_write(path: &str, data: &[u8]) -> Result<(), HostError> {
    // SAFETY: as in `http_get`.
    let answer = unsafe { imports::file_write(path.as_ptr(), path.len(), data.as_ptr(), data.len()) };
    if answer < 0 {
        return Err(failure(answer));
    }
    Ok(())
}

pub fn capability_call(id: &str, input: &[u8]) -> Result<Vec<u8>, HostError> {
    // SAFETY: as in `http_get`.
    result(unsafe { imports::capability_call(id.as_ptr(), id.len(), input.as_ptr(), input.len()) })
}

pub fn current_time_millis() -> i64 {
    // SAFETY: it takes no pointers.
    unsafe { imports::current_time_millis() }
}

fn result(answer: i64) -> Result<Vec<u8>, HostError> {
    if answer < 0 {
        return Err(failure(answer));
    }
    let too_large = || HostError::new(HostErrorKind::TooLarge, "The answer does not fit into memory.");
    let length = usize::try_from(answer).map_err(|_| too_large())?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| too_large())?;
    bytes.resize(length, 0);
    if read_into(&mut bytes) != length {
        return Err(HostError::new(
            HostErrorKind::Failed,
            "The host answered fewer bytes than it said.",
        ));
    }
    Ok(bytes)
}

fn failure(answer: i64) -> HostError {
    let mut bytes = vec![0; MESSAGE_BYTES];
    let length = read_into(&mut bytes);
    bytes.truncate(length);
    HostError::new(HostErrorKind::of_answer(answer), String::from_utf8_lossy(&bytes))
}

/// Copy the last call's result into `bytes` and return how many bytes that were.
fn read_into(bytes: &mut [u8]) -> usize {
    if bytes.is_empty() {
        return 0;
    }
    // SAFETY: the host writes at most that many bytes to there.
    let copied = unsafe { imports::result_read(bytes.as_mut_ptr(), bytes.len()) };
    usize::try_from(copied).map_or(0, |copied| copied.min(bytes.len()))
}
