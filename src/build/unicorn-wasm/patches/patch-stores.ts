/**
 * Three changes to how Unicorn 1.0.3 stores to guest memory, for self-modifying code.
 *
 * 1. When a store hits its own translated block, QEMU takes the instruction up again in a block of its own.
 * The helpers find this out byte by byte (or word by word) between storing bytes, and `xor [mem], key`
 * then sees half of its own result: decoder stubs come out garbled. Here, before a store of several bytes
 * that is not a plain TLB hit within one page, both of its pages are asked for and all code translated
 * from any of its bytes is invalidated (`tb_invalidate_phys_page_range`). What comes after is as before.
 * (QEMU's softmmu_template.h.)
 *
 * 2. A page that is stored to often gets a bitmap of the bytes that are code (`build_page_bitmap` of
 * translate-all.c), one bit for each. `tb_invalidate_phys_page_fast` looked a byte up in it as if it were made
 * of 32-bit words, so that old code went on running after a store to one of its bytes.
 *
 * A store across two pages, which is made byte by byte, counts SPLIT_STORE_BLOCKS blocks.
 *
 * 3. When an instruction is taken up again, RESTARTED_CELL says so: the hook that sees it once more must not
 * count it twice.
 *
 * It is text in the manner of the input (wasm2js), put at the start of the helpers' bodies.
 */

import {
  BLOCKS_LEFT_CELL,
  RESTARTED_CELL,
  SPLIT_STORE_BLOCKS,
} from '../../../engine/unicorn1/offsets.js';

interface Store {
  /** The helper's name in the input, and its parameters after environment and address. */
  readonly name: string;
  readonly parameters: string;
  readonly mmu: string;
  readonly retaddr: string;
  readonly bytes: number;
}

const STORES: readonly Store[] = [
  { name: 'Xt', parameters: 'i,f,c', mmu: 'f', retaddr: 'c', bytes: 2 },
  { name: 'Dt', parameters: 'i,f,c', mmu: 'f', retaddr: 'c', bytes: 4 },
  { name: 'gt', parameters: 'i,f,c,b', mmu: 'c', retaddr: 'b', bytes: 8 },
];

/** Places in the input that show that the names used here are what they should be. */
const EVIDENCE = [
  // helper_le_stw_mmu, helper_le_stl_mmu and helper_le_stq_mmu, called with tci_tb_ptr.
  'Xt(0|(A|=0),0|(e|=0),0|(r|=0),0|(a|=0),0|(i|=0),0|n[35200])',
  'Dt(0|(A|=0),0|(e|=0),0|(r|=0),0|(a|=0),0|(i|=0),0|n[35200])',
  'gt(0|(A|=0),0|(e|=0),0|r,0|(a|=0),0|i,0|(f|=0),0|n[35200])',
  // tb_invalidate_phys_page_range, called for each page of a range.
  'for(;ft(0|A,0|e,0|r,0|a),(e=4096+(-4096&e)|0)>>>0<r>>>0;);}',
];

/** `p->code_bitmap[BIT_WORD(nr)] >> (nr & (BITS_PER_LONG - 1))`, of an array of bytes. */
const BITMAP_LOOKUP = '(0|t[a+(e>>>5&127)|0])>>>e&~(-1<<r)';
const BYTE_LOOKUP = '(0|t[a+(e>>>3&511)|0])>>>(7&e)&~(-1<<r)';

/** `if (current_tb_modified) { cpu->current_tb = NULL;`, with `b` for its contrary. */
const RESTART = 'b||(n[c+288>>2]=0,k=g,';
const NOTED_RESTART = `b||(n[${RESTARTED_CELL / 4}]=1,n[c+288>>2]=0,k=g,`;

/** tlb_fill(cpu, lo, hi, access, mmu, retaddr). */
const TLB_FILL = 'function Bn(A,e,r,a,i,c){';

/** prepare(env, lo, hi, mmu, retaddr, bytes) */
const PREPARE = [
  'function prepX(A,e,r,a,i,c){A|=0,e|=0,r|=0,a|=0,i|=0,c|=0;var p=0,q=0,s=0;',
  'p=(A+(a<<13)|0)+((e>>>12&255)<<5)|0,s=4096-(4095&e)|0;',
  // The entry is invalid or another page's.
  'if(((-4088&n[p+3640>>2])!=(-4096&e))|((0|n[p+3644>>2])!=(0|r)))Bn(A+-16768|0,0|e,0|r,1,0|a,0|i);',
  // TLB_NOTDIRTY: there may be code. The ram address is iotlb + address; mem_io_pc and mem_io_vaddr
  // tell which block stores.
  'if(16&n[p+3640>>2]){q=(-4096&n[(A+28976|0)+(((a<<8)+(e>>>12&255)|0)<<3)>>2])+e|0;',
  'n[A+-60>>2]=i,n[A+-56>>2]=e,n[A+-52>>2]=r;',
  'ft(0|n[A+36092>>2],0|q,q+((0|c)<(0|s)?c:s)|0,1)}',
  // The rest lies in the next page.
  // Now nothing refuses the store any more: it is counted once.
  'if((0|c)>(0|s)){q=e+s|0,prepX(0|A,0|q,r+((0|q)==0)|0,0|a,0|i,c-s|0);',
  `n[${BLOCKS_LEFT_CELL / 4}]=(0|n[${BLOCKS_LEFT_CELL / 4}])-${SPLIT_STORE_BLOCKS}|0}}`,
].join('');

export function patchStores(source: string): string {
  for (const text of [...EVIDENCE, TLB_FILL])
    if (!source.includes(text)) throw new Error(`not in the engine's text: ${text}`);
  for (const text of [BITMAP_LOOKUP, RESTART])
    if (source.split(text).length !== 2)
      throw new Error(`expected once in the engine's text: ${text}`);
  const patched = STORES.reduce(patchStore, source)
    .replace(BITMAP_LOOKUP, BYTE_LOOKUP)
    .replace(RESTART, NOTED_RESTART);
  // Beside tlb_fill all the names above are in scope.
  return patched.replace(TLB_FILL, PREPARE + TLB_FILL);
}

function patchStore(source: string, store: Store): string {
  const head = `function ${store.name}(A,e,r,${store.parameters}){`;
  const start = source.indexOf(head);
  const variables = source.indexOf('var ', start) + 'var '.length;
  const body = source.indexOf(';', variables) + 1;
  if (start < 0 || variables - start > 64 || source.indexOf(head, start + 1) >= 0)
    throw new Error(`expected once in the engine's text: ${head}`);
  const declared = source.slice(variables, body);
  return `${source.slice(0, variables)}pX=0,${declared}${prepareUnlessPlain(store)}${source.slice(body)}`;
}

/** `pX = &env->tlb_table[mmu][slot]`; plain: addr_write is this page, without flags, and no other page. */
function prepareUnlessPlain({ mmu, retaddr, bytes }: Store): string {
  return (
    `A|=0,e|=0,r|=0,${mmu}|=0,pX=(A+(${mmu}<<13)|0)+((e>>>12&255)<<5)|0;` +
    `if(!(((0|n[pX+3640>>2])==(-4096&e))&((0|n[pX+3644>>2])==(0|r))&((4095&e)>>>0<${4097 - bytes}>>>0)))` +
    `prepX(0|A,0|e,0|r,0|${mmu},0|${retaddr},${bytes});`
  );
}
