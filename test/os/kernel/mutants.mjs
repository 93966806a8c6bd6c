/** One changed place each. `from` stands exactly once in the file. */
const WALK = 'src/os/kernel/paging/walk.ts';
const MMU = 'src/os/kernel/paging/mmu.ts';
const CAUSE = 'src/os/kernel/paging/cause.ts';
const KERNEL = 'asm/lib/kernel.inc';
const POOLS = 'asm/lib/kernel-pools.inc';
const ZONES = 'asm/lib/kernel-zones.inc';
const GRAINS = 'asm/lib/kernel-grains.inc';

export const MUTANTS = [
  // Decisions of the MMU.
  {
    name: 'mmu: CR0.WP is not looked at',
    file: WALK,
    from: "return access === 'read' || write || !mode.writeProtect;",
    to: 'return true;',
  },
  { name: 'mmu: WP holds when it is clear', file: WALK, from: ' || !mode.writeProtect;', to: ';' },
  {
    name: 'mmu: NX is not looked at',
    file: WALK,
    from: 'const executable = !(noExecute && mode.noExecute);',
    to: 'const executable = true;',
  },
  {
    name: 'mmu: SMEP is not looked at',
    file: WALK,
    from: 'return executable && !(user && mode.smep);',
    to: 'return executable;',
  },
  { name: 'mmu: SMEP is always on', file: WALK, from: '!(user && mode.smep)', to: '!user' },
  {
    name: 'mmu: SMAP is not looked at',
    file: WALK,
    from: 'if (user && mode.smap && !rights.alignmentCheck) return false;',
    to: '',
  },
  {
    name: 'mmu: EFLAGS.AC does not lift SMAP',
    file: WALK,
    from: ' && !rights.alignmentCheck',
    to: '',
  },
  {
    name: 'mmu: user mode may use pages of the kernel',
    file: WALK,
    from: 'return user && (access',
    to: 'return (access',
  },
  {
    name: 'mmu: user mode may write to read-only pages',
    file: WALK,
    from: "(access !== 'write' || write)",
    to: 'true',
  },
  {
    name: 'mmu: user mode may execute NX pages',
    file: WALK,
    from: "(access !== 'exec' || executable)",
    to: 'true',
  },
  { name: 'mmu: R/W of the leaf alone', file: WALK, from: 'write &&= ', to: 'write = ' },
  { name: 'mmu: U/S of the leaf alone', file: WALK, from: 'user &&= ', to: 'user = ' },
  { name: 'mmu: NX of the leaf alone', file: WALK, from: 'noExecute ||= ', to: 'noExecute = ' },
  {
    name: 'mmu: physical address bits beyond 40',
    file: WALK,
    from: 'if ((high & PTE_RESERVED_HIGH) !== 0) return true;',
    to: '',
  },
  {
    name: 'mmu: NX is not reserved without NXE',
    file: WALK,
    from: 'if (!mode.noExecute && (high & PTE_NX_HIGH) !== 0) return true;',
    to: '',
  },
  { name: 'mmu: PS of the top level', file: WALK, from: 'return level === 3 || ', to: 'return ' },
  {
    name: 'mmu: address bits below a large page',
    file: WALK,
    from: ' || (low & (SPAN[level]! * 4096 - 1) & ~0x1fff) !== 0',
    to: '',
  },
  { name: 'mmu: the code has no RSVD', file: WALK, from: '(reserved ? PF_RSVD : 0)', to: '0' },
  { name: 'mmu: the code has no U', file: WALK, from: '(user ? PF_USER : 0)', to: '0' },
  {
    name: 'mmu: the code has no W',
    file: WALK,
    from: "(access === 'write' ? PF_WRITE : 0)",
    to: '0',
  },
  {
    name: 'mmu: the code has no P for what is reserved',
    file: WALK,
    from: 'leaf !== undefined || reserved ?',
    to: 'leaf !== undefined ?',
  },
  {
    name: 'mmu: the code always has I for a fetch',
    file: WALK,
    from: "access === 'exec' && (mode.noExecute || mode.smep)",
    to: "access === 'exec'",
  },
  {
    name: 'mmu: no TLB',
    file: MMU,
    from: 'const known = this.tlb.lookup(page);',
    to: 'const known = undefined as LinearTranslation | undefined;',
  },
  {
    name: 'mmu: invlpg does nothing',
    file: MMU,
    from: 'this.#flushEngine(page, this.tlb.invalidatePage(page));',
    to: 'void page;',
  },
  {
    name: 'cause: SMEP before NX',
    file: CAUSE,
    from: "return execute ? 'smep' : 'nx'",
    to: "return user ? 'smep' : 'nx'",
  },
  {
    name: 'cause: a write is told as the right of the kernel',
    file: CAUSE,
    from: "return write ? 'supervisor' : 'read-only'",
    to: "return 'supervisor'",
  },

  // Start-up, set_memory_*, allocation.
  {
    name: 'kernel: rodata stays writable',
    file: KERNEL,
    from: '    mov rdi, qword ptr [rbx + BOOT_RODATA]\n    mov rsi, qword ptr [rbx + BOOT_RODATA + 8]\n    call pages_between\n    call set_memory_ro\n',
    to: '',
  },
  {
    name: 'kernel: rodata=off protects all the same',
    file: KERNEL,
    from: '    test dword ptr [rbx + BOOT_FLAGS], RODATA_OFF\n    jnz 1f\n',
    to: '',
  },
  {
    name: 'kernel: set_memory_ro leaves the alias',
    file: KERNEL,
    from: '    call virt_to_alias\n    test rax, rax\n    jz 2f\n',
    to: '    jmp 2f\n',
  },
  {
    name: 'kernel: set_memory_ro does not flush',
    file: KERNEL,
    from: '    mov qword ptr [r14], r9\n    inc qword ptr [rip + page_table_changes]\n    invlpg [rbx]\n',
    to: '    mov qword ptr [r14], r9\n    inc qword ptr [rip + page_table_changes]\n',
  },
  { name: 'kernel: write_cr0 lets WP go', file: KERNEL, from: '    bts rdi, 16\n', to: '' },
  {
    name: 'kernel: no guard page behind an area',
    file: KERNEL,
    from: 'lea rax, [r12 + 1]\n    shl rax, 12\n    add qword ptr [rsi], rax\n    call new_area',
    to: 'lea rax, [r12]\n    shl rax, 12\n    add qword ptr [rsi], rax\n    call new_area',
  },
  {
    name: 'kernel: kfree takes what is not its own',
    file: KERNEL,
    from: '    cmp rcx, qword ptr [rax]\n    jae 2f\n    call page_number',
    to: '    call page_number',
  },
  {
    name: 'kernel: kfree keeps the object',
    file: KERNEL,
    from: '    mov qword ptr [rdx + rcx*8], rdi\n1:  ret\n2:  frame',
    to: '1:  ret\n2:  frame',
  },

  // Pools.
  {
    name: 'pools: nothing is protected',
    file: POOLS,
    from: '    mov rsi, qword ptr [rbx + AREA_PAGES]\n    call set_memory_ro\n',
    to: '    xor eax, eax\n',
  },
  {
    name: 'pools: only the newest area is protected',
    file: POOLS,
    from: '2:  mov rbx, qword ptr [rbx + AREA_NEXT]\n    jmp 1b\n4:  mov eax, r12d',
    to: '2:  jmp 4f\n4:  mov eax, r12d',
  },
  {
    name: 'pools: AUTO does nothing',
    file: POOLS,
    from: '    test byte ptr [rbx + POOL_MODE], PMALLOC_AUTO\n    jz 6f\n',
    to: '    jmp 6f\n',
  },
  {
    name: 'pools: AUTO in every mode',
    file: POOLS,
    from: '    test byte ptr [rbx + POOL_MODE], PMALLOC_AUTO\n    jz 6f\n',
    to: '',
  },
  {
    name: 'pools: rare writes in every mode',
    file: POOLS,
    from: '    test byte ptr [rax + POOL_MODE], PMALLOC_MODE_WR\n    jz 7f\n',
    to: '',
  },
  {
    name: 'pools: rare writes in no mode',
    file: POOLS,
    from: '    test byte ptr [rax + POOL_MODE], PMALLOC_MODE_WR\n    jz 7f\n',
    to: '    jmp 7f\n',
  },
  { name: 'pools: the second mapping stays', file: POOLS, from: '3:  call wr_unmap\n', to: '3:\n' },
  {
    name: 'pools: objects overlap',
    file: POOLS,
    from: '    mov qword ptr [r13 + AREA_OFFSET], rax\n    add rax, qword ptr [r13 + AREA_START]',
    to: '    add rax, qword ptr [r13 + AREA_START]',
  },
  {
    name: 'pools: a page for each object',
    file: POOLS,
    from: '    sub rax, r12\n    jb 3f\n1:',
    to: '    sub rax, r12\n    jmp 3f\n1:',
  },
  {
    name: 'pools: destroyed, and still mapped',
    file: POOLS,
    from: '5:  call vm_unmap_aliases\n',
    to: '5:\n',
  },
  {
    name: 'pools: destroyed twice',
    file: POOLS,
    from: '8:  mov eax, -EINVAL_\n9:  pop r12\n    pop rbx\n    unframe\n\n# is_pmalloc_object',
    to: '8:  xor eax, eax\n9:  pop r12\n    pop rbx\n    unframe\n\n# is_pmalloc_object',
  },
  {
    name: 'pools: waste is not counted',
    file: POOLS,
    from: '    sub rax, qword ptr [rdi + POOL_REQUESTED]\n',
    to: '',
  },
  {
    name: 'lockable: kmalloc does not look at the bit',
    file: KERNEL,
    from: '    test esi, GFP_LOCKABLE_BIT\n    jnz lockable_alloc\n',
    to: '',
  },
  {
    name: 'lockable: every kmalloc is lockable',
    file: KERNEL,
    from: '    jnz lockable_alloc\n',
    to: '    jmp lockable_alloc\n',
  },
  {
    name: 'lockable: it is never sealed',
    file: POOLS,
    from: '    jnz pmalloc_protect_pool\n',
    to: '',
  },

  // The models.
  {
    name: 'zones: bits without end',
    file: ZONES,
    from: 'cmp r13d, 1 << ZONE_BITS\n    jae 3f\n',
    to: '',
  },
  {
    name: 'zones: zones that are off get no bit',
    file: ZONES,
    from: '    cmp r12d, ZONES_FIXED\n    jne 5f\n',
    to: '    jmp 5f\n',
  },
  {
    name: 'zones: zones that are off keep theirs',
    file: ZONES,
    from: '    cmp r12d, ZONES_FIXED\n    jne 5f\n',
    to: '',
  },
  {
    name: 'zones: a full zone goes on',
    file: ZONES,
    from: '    cmp rdi, rcx\n    ja 4f\n',
    to: '',
  },
  {
    name: 'zones: nothing is sealed',
    file: ZONES,
    from: '    call set_memory_ro\n',
    to: '    xor eax, eax\n',
  },
  {
    name: 'zones: an empty zone is sealed',
    file: ZONES,
    from: '    test rsi, rsi\n    jz 1f\n',
    to: '',
  },
  {
    name: 'grains: between two granules',
    file: GRAINS,
    from: '    mov rbx, rdi\n    mov rax, qword ptr [rip + grain_bytes]\n    dec rax\n    test rdi, rax\n    jnz 8f\n    inc rax\n    imul rsi, rax\n    mov r12, rsi\n    call grain_area',
    to: '    mov rbx, rdi\n    mov rax, qword ptr [rip + grain_bytes]\n    imul rsi, rax\n    mov r12, rsi\n    call grain_area',
  },
  {
    name: 'grains: memory that is in no area',
    file: GRAINS,
    from: '    call grain_area\n    test rax, rax\n    jz 8f\n',
    to: '',
  },
  {
    name: 'grains: the alias follows in a block',
    file: GRAINS,
    from: '    cmp dword ptr [rip + linear_kind], LINEAR_BLOCKS\n    je 2f\n',
    to: '',
  },
  {
    name: 'grains: the alias never follows',
    file: GRAINS,
    from: '    cmp dword ptr [rip + linear_kind], LINEAR_BLOCKS\n    je 2f\n',
    to: '    jmp 2f\n',
  },
  {
    name: 'grains: built small, and left large',
    file: GRAINS,
    from: '    cmp esi, LINEAR_SMALL\n    jne 6f\n',
    to: '    jmp 6f\n',
  },
];
