#include "sandbox/bearer.h"

#include <stdio.h>

bool bearer_xoauth2(struct bytes clear, char *user, size_t user_size, struct bytes *token)
{
    static const char middle[] = "\001auth=Bearer ";
    size_t at = bytes_find(clear, BYTES_LIT(middle));
    if (!bytes_starts_nocase(clear, "user=") || at == SIZE_MAX || clear.size < at + sizeof middle + 1)
        return false;
    if (clear.data[clear.size - 1] != 1 || clear.data[clear.size - 2] != 1)
        return false;
    snprintf(user, user_size, "%.*s", (int)(at - 5), (const char *)clear.data + 5);
    *token = bytes_slice(clear, at + sizeof middle - 1, clear.size - 2);
    return true;
}

/* "=2C" and "=3D" stand for comma and equals sign. */
bool bearer_oauthbearer(struct bytes clear, char *user, size_t user_size, struct bytes *token)
{
    size_t comma = bytes_find(bytes_slice(clear, 4, clear.size), BYTES_LIT(","));
    size_t at = bytes_find(clear, BYTES_LIT("\001auth=Bearer "));
    if (!bytes_starts_nocase(clear, "n,a=") || comma == SIZE_MAX || at == SIZE_MAX)
        return false;
    size_t used = 0;
    for (size_t i = 4; i < 4 + comma && used + 1 < user_size; i++) {
        char c = (char)clear.data[i];
        if (c == '=' && i + 2 < 4 + comma) {
            c = clear.data[i + 1] == '2' ? ',' : '=';
            i += 2;
        }
        user[used++] = c;
    }
    user[used] = 0;
    struct bytes rest = bytes_slice(clear, at + 13, clear.size);
    size_t end = bytes_find(rest, BYTES_LIT("\001"));
    *token = bytes_slice(rest, 0, end);
    return end != SIZE_MAX && end + 2 == rest.size && rest.data[end + 1] == 1;
}

const char *bearer_challenge(bool is_oauthbearer)
{
    /* {"status":"invalid_token","scope":"https://mail.google.com/"} and
     * {"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"} */
    return is_oauthbearer
               ? "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ=="
               : "eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ"
                 "==";
}
