/* No guard: included after each use of wire.def. */
#undef STRING
#undef WORD
#undef INT
#undef BOOL
#undef CODE
#undef STRINGS
#undef PAIRS
#undef OBJECT
#undef LIST
#undef RAWS
#undef MESSAGE
#undef END
#undef FIELD
#undef COUNTED
