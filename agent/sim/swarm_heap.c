#include "swarm_heap.h"

#include "mem.h"

void swarm_heap_init(struct swarm_heap *h, size_t count)
{
    h->count = count;
    h->order = mem_resize(NULL, count, sizeof *h->order);
    h->place = mem_resize(NULL, count, sizeof *h->place);
    h->due = mem_resize(NULL, count, sizeof *h->due);
    for (size_t i = 0; i < count; i++) {
        h->order[i] = h->place[i] = i;
        h->due[i] = INT64_MAX;
    }
}

void swarm_heap_free(struct swarm_heap *h)
{
    mem_free(h->order);
    mem_free(h->place);
    mem_free(h->due);
    *h = (struct swarm_heap){0};
}

static int64_t due_at(const struct swarm_heap *h, size_t place)
{
    return h->due[h->order[place]];
}

static void put(struct swarm_heap *h, size_t place, size_t machine)
{
    h->order[place] = machine;
    h->place[machine] = place;
}

static void rise(struct swarm_heap *h, size_t place)
{
    size_t machine = h->order[place];
    while (place > 0 && due_at(h, (place - 1) / 2) > h->due[machine]) {
        put(h, place, h->order[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(h, place, machine);
}

static void sink(struct swarm_heap *h, size_t place)
{
    size_t machine = h->order[place];
    for (size_t child; (child = 2 * place + 1) < h->count; place = child) {
        if (child + 1 < h->count && due_at(h, child + 1) < due_at(h, child))
            child++;
        if (due_at(h, child) >= h->due[machine])
            break;
        put(h, place, h->order[child]);
    }
    put(h, place, machine);
}

void swarm_heap_set(struct swarm_heap *h, size_t machine, int64_t due)
{
    h->due[machine] = due;
    rise(h, h->place[machine]);
    sink(h, h->place[machine]);
}

size_t swarm_heap_first(const struct swarm_heap *h)
{
    return h->order[0];
}
