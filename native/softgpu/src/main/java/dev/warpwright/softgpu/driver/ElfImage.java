package dev.warpwright.softgpu.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An x86-64 ELF shared object made without a compiler: every exported function jumps through its
 * slot of a table of addresses, and returns a fixed code while the slot is empty. The table is
 * exported too, so that it can be filled after loading. All addresses are relative: the image has
 * no relocations. The symbols can have a version, which some users of a library insist on.
 *
 * <p>File offsets equal virtual addresses. One read-only segment holds headers, symbols, hash
 * table, strings and code; one writable segment, on a page of its own, holds the dynamic section
 * and the table.
 */
final class ElfImage {
  /** Name of the exported table. */
  static final String TABLE = "softgpu_table";

  private static final int HEADER_BYTES = 64;
  private static final int SEGMENT_BYTES = 56;
  private static final int SEGMENTS = 4;
  private static final int SYMBOL_BYTES = 24;
  private static final int DYNAMIC_ENTRY_BYTES = 16;
  private static final int DYNAMIC_ENTRIES = 10;
  private static final int VERSION_BYTES = 28;
  private static final int TRAMPOLINE_BYTES = 32;
  private static final int SLOT_BYTES = 8;
  private static final int PAGE = 4096;
  private static final int BUCKETS = 257;

  private static final int LOAD = 1;
  private static final int DYNAMIC = 2;
  private static final int GNU_STACK = 0x6474e551;
  private static final int READ = 4;
  private static final int WRITE = 2;
  private static final int EXECUTE = 1;

  private final List<String> functions;
  private final int emptyResult;

  private final byte[] strings;
  private final int[] nameOffsets;
  private final int sonameOffset;
  private final @Nullable String version;
  private final int versionOffset;

  private final int hashStart;
  private final int versionIndexStart;
  private final int versionsStart;
  private final int stringsStart;
  private final int codeStart;
  private final int codeEnd;
  private final int dynamicStart;
  private final int tableStart;
  private final ByteBuffer image;

  private ElfImage(
      String soname, @Nullable String version, List<String> functions, int emptyResult) {
    this.version = version;
    this.functions = functions;
    this.emptyResult = emptyResult;

    StringBuilder text = new StringBuilder("\0");
    nameOffsets = new int[functions.size() + 1];
    for (int i = 0; i < nameOffsets.length; i++) {
      nameOffsets[i] = text.length();
      text.append(name(i)).append('\0');
    }
    sonameOffset = text.length();
    text.append(soname).append('\0');
    versionOffset = text.length();
    text.append(version == null ? "" : version).append('\0');
    strings = text.toString().getBytes(StandardCharsets.US_ASCII);

    int symbols = nameOffsets.length + 1;
    hashStart = symbolsStart() + SYMBOL_BYTES * symbols;
    versionIndexStart = hashStart + Integer.BYTES * (2 + BUCKETS + symbols);
    versionsStart = align(versionIndexStart + Short.BYTES * symbols, 8);
    stringsStart = versionsStart + 2 * VERSION_BYTES;
    codeStart = align(stringsStart + strings.length, 16);
    codeEnd = codeStart + TRAMPOLINE_BYTES * functions.size();
    dynamicStart = align(codeEnd, PAGE);
    tableStart = dynamicStart + DYNAMIC_ENTRY_BYTES * DYNAMIC_ENTRIES;
    image =
        ByteBuffer.allocate(tableStart + SLOT_BYTES * functions.size())
            .order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Builds the image.
   *
   * @param soname name under which the dynamic linker finds the loaded object again
   * @param version version of all symbols, or null
   * @param functions names to export, in the order of their slots
   * @param emptyResult what a function returns while its slot is 0
   */
  static byte[] build(
      String soname, @Nullable String version, List<String> functions, int emptyResult) {
    ElfImage elf = new ElfImage(soname, version, List.copyOf(functions), emptyResult);
    elf.writeHeaders();
    elf.writeSymbols();
    elf.writeHashTable();
    if (version != null) {
      elf.writeVersions(version, soname);
    }
    elf.image.position(elf.stringsStart).put(elf.strings);
    elf.writeCode();
    elf.writeDynamicSection();
    return elf.image.array();
  }

  private String name(int symbol) {
    return symbol < functions.size() ? functions.get(symbol) : TABLE;
  }

  private static int symbolsStart() {
    return HEADER_BYTES + SEGMENT_BYTES * SEGMENTS;
  }

  private void writeHeaders() {
    image.put(new byte[] {0x7f, 'E', 'L', 'F'});
    image.put((byte) 2).put((byte) 1).put((byte) 1); // 64 bits, little endian, version 1
    image.position(16);
    image.putShort((short) 3).putShort((short) 62).putInt(1); // shared object, x86-64, version 1
    image.putLong(0).putLong(HEADER_BYTES).putLong(0).putInt(0); // entry, segments, sections, flags
    image.putShort((short) HEADER_BYTES);
    image.putShort((short) SEGMENT_BYTES).putShort((short) SEGMENTS);
    image.putShort((short) 64).putShort((short) 0).putShort((short) 0); // no sections

    segment(LOAD, READ | EXECUTE, 0, codeEnd, PAGE);
    segment(LOAD, READ | WRITE, dynamicStart, image.capacity() - dynamicStart, PAGE);
    segment(DYNAMIC, READ | WRITE, dynamicStart, DYNAMIC_ENTRY_BYTES * DYNAMIC_ENTRIES, 8);
    segment(GNU_STACK, READ | WRITE, 0, 0, 16);
  }

  private void segment(int type, int flags, int start, int bytes, int alignment) {
    image.putInt(type).putInt(flags);
    image.putLong(start).putLong(start).putLong(start); // file offset, virtual, physical address
    image.putLong(bytes).putLong(bytes).putLong(alignment);
  }

  private void writeSymbols() {
    image.position(symbolsStart() + SYMBOL_BYTES); // symbol 0 is empty
    for (int i = 0; i < functions.size(); i++) {
      symbol(i, 0x12, 1, codeStart + TRAMPOLINE_BYTES * i, TRAMPOLINE_BYTES); // global function
    }
    symbol(functions.size(), 0x11, 2, tableStart, SLOT_BYTES * functions.size()); // global object
  }

  private void symbol(int index, int info, int section, int address, int bytes) {
    image.putInt(nameOffsets[index]).put((byte) info).put((byte) 0).putShort((short) section);
    image.putLong(address).putLong(bytes);
  }

  private void writeHashTable() {
    int symbols = nameOffsets.length + 1;
    int[] first = new int[BUCKETS];
    int[] next = new int[symbols];
    for (int symbol = 1; symbol < symbols; symbol++) {
      int bucket = Integer.remainderUnsigned(hash(name(symbol - 1)), BUCKETS);
      next[symbol] = first[bucket];
      first[bucket] = symbol;
    }
    image.position(hashStart).putInt(BUCKETS).putInt(symbols);
    image.asIntBuffer().put(first).put(next);
  }

  /** Version 1 is the library's own name, version 2 that of all symbols. */
  private void writeVersions(String name, String soname) {
    image.position(versionIndexStart).putShort((short) 0); // symbol 0 is empty
    for (int i = 0; i < nameOffsets.length; i++) {
      image.putShort((short) 2);
    }
    image.position(versionsStart);
    version(1, 1, soname, sonameOffset, VERSION_BYTES);
    version(0, 2, name, versionOffset, 0);
  }

  private void version(int flags, int index, String name, int nameOffset, int next) {
    image.putShort((short) 1).putShort((short) flags).putShort((short) index).putShort((short) 1);
    image.putInt(hash(name)).putInt(20).putInt(next); // its name follows after 20 bytes
    image.putInt(nameOffset).putInt(0);
  }

  /** The hash function of the System V ABI. */
  private static int hash(String name) {
    int h = 0;
    for (int i = 0; i < name.length(); i++) {
      h = (h << 4) + name.charAt(i);
      int high = h & 0xf0000000;
      h = (h ^ (high >>> 24)) & ~high;
    }
    return h;
  }

  private void writeCode() {
    for (int i = 0; i < functions.size(); i++) {
      int start = codeStart + TRAMPOLINE_BYTES * i;
      int afterLoad = start + 11; // a displacement counts from the next instruction
      image.position(start);
      bytes(0xf3, 0x0f, 0x1e, 0xfa); // endbr64
      bytes(0x48, 0x8b, 0x05); // mov rax, [rip + displacement]
      image.putInt(tableStart + SLOT_BYTES * i - afterLoad);
      bytes(0x48, 0x85, 0xc0); // test rax, rax
      bytes(0x74, 0x02); // jz over the jump
      bytes(0xff, 0xe0); // jmp rax
      bytes(0xb8); // mov eax, emptyResult
      image.putInt(emptyResult);
      bytes(0xc3); // ret
    }
  }

  private void bytes(int... values) {
    for (int value : values) {
      image.put((byte) value);
    }
  }

  private void writeDynamicSection() {
    image.position(dynamicStart);
    dynamic(14, sonameOffset); // DT_SONAME
    dynamic(4, hashStart); // DT_HASH
    dynamic(5, stringsStart); // DT_STRTAB
    dynamic(6, symbolsStart()); // DT_SYMTAB
    dynamic(10, strings.length); // DT_STRSZ
    dynamic(11, SYMBOL_BYTES); // DT_SYMENT
    if (version != null) {
      dynamic(0x6ffffff0, versionIndexStart); // DT_VERSYM
      dynamic(0x6ffffffc, versionsStart); // DT_VERDEF
      dynamic(0x6ffffffd, 2); // DT_VERDEFNUM
    }
    dynamic(0, 0); // DT_NULL
  }

  private void dynamic(int tag, int value) {
    image.putLong(tag).putLong(value);
  }

  private static int align(int value, int alignment) {
    return (value + alignment - 1) & -alignment;
  }
}
