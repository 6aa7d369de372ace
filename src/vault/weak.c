/* vault/weak.c - passwords that whoever tries a few hundred would try. Of those lists only what has twelve characters and more counts;
 * most of that is a short word with digits behind it, one thing over and over, or a walk along the keyboard. */
#include <string.h>

#include "vault/operators.h"

#define DISTINCT_MIN 5

static const char *const words[] = {
    "password",      "passwort", "passw0rd", "p@ssword",   "p@ssw0rd", "pa$$word", "pa$$w0rd", "kennwort",  "geheim",
    "secret",        "letmein",  "welcome",  "willkommen", "changeme", "changeit", "iloveyou", "postern",   "admin",
    "administrator", "operator", "default",  "qwerty",     "qwertz",   "azerty",   "asdfgh",   "microsoft", "office365",
    "summer",        "winter",   "spring",   "autumn",     "sommer",   "football", "baseball", "superman",  "princess",
    "monkey",        "dragon",   "master",   "trustno1",   "sunshine", "test",     "company",  "firma",     "root",
};

static const char *const rows[] = {
    "1234567890123456789012345678901234567890", "0987654321098765432109876543210987654321",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmn", "qwertyuiopasdfghjklzxcvbnmqwertyuiopasdf",
    "qwertzuiopasdfghjklyxcvbnmqwertzuiopasdf", "1q2w3e4r5t6y7u8i9o0p1q2w3e4r5t6y7u8i9o0p",
    "1q2w3e4r5t6z7u8i9o0p1q2w3e4r5t6z7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1qay2wsx3edc4rfv5tgb6zhn7ujm8ik,9ol.0pö-", "azertyuiopqsdfghjklmwxcvbnazertyuiopqsdf",
};

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || c >= 0x80;
}

static size_t distinct(const char *text, size_t size)
{
    bool seen[256] = { false };
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += !seen[(uint8_t)text[i]];
        seen[(uint8_t)text[i]] = true;
    }
    return count;
}

/* Nothing but words of the list, and digits and marks around them. */
static bool is_words(const char *text)
{
    while (*text) {
        size_t longest = 0;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            size_t size = strlen(words[i]);
            if (size > longest && strncmp(text, words[i], size) == 0)
                longest = size;
        }
        if (longest == 0 && is_letter((uint8_t)*text))
            return false;
        text += longest ? longest : 1;
    }
    return true;
}

bool password_is_common(struct bytes password)
{
    char text[OPERATOR_PASSWORD_MAX + 1];
    if (password.size > OPERATOR_PASSWORD_MAX)
        return false;
    for (size_t i = 0; i < password.size; i++)
        text[i] = (char)(password.data[i] >= 'A' && password.data[i] <= 'Z' ? password.data[i] - 'A' + 'a'
                                                                            : password.data[i]);
    text[password.size] = '\0';
    bool is_common = distinct(text, password.size) < DISTINCT_MIN || (password.size < 20 && is_words(text));
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !is_common; i++)
        is_common = strstr(rows[i], text) != NULL;
    secret_wipe(text, sizeof text);
    return is_common;
}
