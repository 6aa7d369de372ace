/* msg/directory_msg.h - objects on their way from the queue role (their keeper) to every other role.
 *
 * After a channel opens, the queue role sends every object and then DIRECTORY_DONE; later changes follow one by one. Shared by all
 * pairs with the queue role, under the same type numbers. */
#ifndef MSG_DIRECTORY_MSG_H
#define MSG_DIRECTORY_MSG_H

#include "msg/channel.h"

enum { DIRECTORY_OBJECT = 900, DIRECTORY_DONE = 901 };

#define MSG_DIRECTORY_OBJECT(F, L) \
    F(U32, kind, 0) /* enum object_kind */ \
    F(TEXT, key, 320) \
    F(BOOL, is_removed, 0) \
    F(TEXT, json, 65536)
MSG_STRUCT(directory_object, MSG_DIRECTORY_OBJECT);

#define MSG_DIRECTORY_DONE(F, L) F(U64, version, 0)
MSG_STRUCT(directory_done, MSG_DIRECTORY_DONE);

/* The rows of either side; NULL for what it sends. */
#define DIRECTORY_ROWS(heard_object, heard_done) \
    CHANNEL_ROW(DIRECTORY_OBJECT, directory_object, heard_object), \
        CHANNEL_ROW(DIRECTORY_DONE, directory_done, heard_done)

#endif
