#include "event.h"

#include <string.h>

const char *event_phase_name(enum event_phase phase)
{
    static const char *const names[] = {
#define X(id, word) word,
        EVENT_PHASES(X)
#undef X
    };
    return (size_t)phase < EVENT_PHASE_COUNT ? names[phase] : "";
}

const char *event_source_name(enum event_source source)
{
    static const char *const names[] = {
#define X(id, word) word,
        EVENT_SOURCES(X)
#undef X
    };
    return (size_t)source < EVENT_SOURCE_COUNT ? names[source] : "";
}

bool event_phase_parse(const char *word, enum event_phase *out)
{
    for (int i = 0; i < EVENT_PHASE_COUNT; i++) {
        if (strcmp(word, event_phase_name((enum event_phase)i)) == 0) {
            *out = (enum event_phase)i;
            return true;
        }
    }
    return false;
}
