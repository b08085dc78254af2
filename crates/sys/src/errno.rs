//! Errors of the system by name: `ENOENT` travels on the wire, its text is for people.

use std::io;

macro_rules! names {
    ($($name:ident)*) => {
        /// The symbolic name of an error number, `ENOENT`; `EUNKNOWN` for one that Abide never met.
        pub fn name(number: i32) -> &'static str {
            match number {
                $(libc::$name => stringify!($name),)*
                _ => "EUNKNOWN",
            }
        }
    };
}

names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV
    ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG
    ENOLCK ENOSYS ENOTEMPTY ELOOP ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE
    ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH
    ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS
    ESTALE EDQUOT ECANCELED EOVERFLOW EPROTO EREMOTEIO ENOKEY EKEYREJECTED EOWNERDEAD
}

/// The symbolic name of what the system answered; `EUNKNOWN` when the error does not come from the system.
pub fn name_of(error: &io::Error) -> &'static str {
    name(error.raw_os_error().unwrap_or(0))
}

/// What `strerror` says about an error number: "No such file or directory".
pub fn text(number: i32) -> String {
    let full = io::Error::from_raw_os_error(number).to_string();
    match full.rfind(" (os error ") {
        Some(end) => full[..end].to_owned(),
        None => full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts() {
        assert_eq!((name(2), name(13), name(8), name(-7)), ("ENOENT", "EACCES", "ENOEXEC", "EUNKNOWN"));
        assert_eq!(name_of(&io::Error::from_raw_os_error(libc::EMFILE)), "EMFILE");
        assert_eq!(text(libc::ENOENT), "No such file or directory");
    }
}
