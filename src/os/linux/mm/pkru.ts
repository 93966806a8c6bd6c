/** PKRU at exec and in a signal handler: every key but 0 forbids access (init_pkru_value of arch/x86/mm/pkeys.c). */
export const INITIAL_PKRU = 0x55555554;
