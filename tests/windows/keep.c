/* Holds a Wine session open while tests run: the first program of a session waits seconds for Wine's
 * services, the next ones hundredths. Says "ready", then sleeps; ends by itself after an hour, should nobody
 * end it. */
#include <windows.h>

#include <stdio.h>

int main(void)
{
    puts("ready");
    fflush(stdout);
    Sleep(60 * 60 * 1000);
    return 0;
}
