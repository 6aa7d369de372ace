/* base/envelope.h - what a sender wishes to be told of its message (RFC 3461), as numbers that every room shares. */
#ifndef BASE_ENVELOPE_H
#define BASE_ENVELOPE_H

enum envelope_notify {
    NOTIFY_NEVER = 1,
    NOTIFY_SUCCESS = 2,
    NOTIFY_FAILURE = 4,
    NOTIFY_DELAY = 8
}; /* a set; 0: not said */
enum envelope_ret { RET_DEFAULT, RET_FULL, RET_HDRS };

#endif
