package dev.warpwright.softgpu.sim;

import java.nio.charset.StandardCharsets;
import java.util.List;

/** Functions that the driver gives to kernels: printf and assert. */
final class SystemCalls {
  private static final String PRINT = "vprintf";
  private static final String ASSERT = "__assertfail";
  private static final int LONGEST_TEXT = 1 << 16;

  private SystemCalls() {}

  static boolean isKnown(String name) {
    return name.equals(PRINT) || name.equals(ASSERT);
  }

  static Instr.Action action(Form form, String name, List<Access> arguments, List<Access> results) {
    boolean prints = name.equals(PRINT);
    if (arguments.size() != (prints ? 2 : 5) || results.size() != (prints ? 1 : 0)) {
      throw form.refuse("call of " + name + " with another number of arguments");
    }
    return prints
        ? (warp, mask) -> print(warp, mask, arguments, results.getFirst())
        : (warp, mask) -> fail(warp, Integer.numberOfTrailingZeros(mask), arguments);
  }

  private static void print(Warp warp, int mask, List<Access> arguments, Access result) {
    for (int m = mask; m != 0; m &= m - 1) {
      int lane = Integer.numberOfTrailingZeros(m);
      Printf printf =
          new Printf(
              text(warp, lane, argument(warp, lane, arguments.get(0))),
              argument(warp, lane, arguments.get(1)),
              (address, bytes) -> fetch(warp, lane, address, bytes),
              address -> text(warp, lane, address));
      warp.block.run.output.accept(printf.text());
      int at = place(warp, lane, result);
      LoadStore.write(warp.local.data, at, Integer.BYTES, printf.arguments());
      LoadStore.markWritten(warp.local, at, Integer.BYTES);
    }
  }

  /** Message, file, line, function and the size of a character. */
  private static void fail(Warp warp, int lane, List<Access> arguments) {
    throw warp.faultAt(
        SimFault.Kind.ASSERT,
        lane,
        0,
        "assertion `"
            + text(warp, lane, argument(warp, lane, arguments.get(0)))
            + "` failed in "
            + text(warp, lane, argument(warp, lane, arguments.get(3)))
            + ", "
            + text(warp, lane, argument(warp, lane, arguments.get(1)))
            + ":"
            + (int) argument(warp, lane, arguments.get(2)));
  }

  /** An argument in the parameter space of the call, which lies in local memory. */
  private static long argument(Warp warp, int lane, Access variable) {
    return LoadStore.read(warp.local.data, place(warp, lane, variable), PtxType.B64);
  }

  private static int place(Warp warp, int lane, Access variable) {
    return (int) variable.address(warp, lane) + lane * warp.code.localBytes();
  }

  /** Bytes at a generic address. */
  private static long fetch(Warp warp, int lane, long address, int bytes) {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (long) byteAt(warp, lane, address + i) << (8 * i);
    }
    return value;
  }

  private static int byteAt(Warp warp, int lane, long address) {
    long local = address - Space.LOCAL_WINDOW;
    if (local >= 0 && local < warp.code.localBytes()) {
      return warp.local.data[(int) local + lane * warp.code.localBytes()] & 0xff;
    }
    long shared = address - Space.SHARED_WINDOW;
    if (shared >= 0 && shared < warp.block.shared.bytes()) {
      return warp.block.shared.data[(int) shared] & 0xff;
    }
    DeviceMemory memory = warp.block.run.memory;
    Allocation found = memory.reach(address);
    if (found == null) {
      throw warp.faultAt(
          SimFault.Kind.OUT_OF_BOUNDS,
          lane,
          address,
          "a text or argument at " + memory.describe(address));
    }
    return found.data[(int) (address - found.address())] & 0xff;
  }

  private static String text(Warp warp, int lane, long address) {
    byte[] bytes = new byte[LONGEST_TEXT];
    int length = 0;
    while (length < LONGEST_TEXT) {
      int next = byteAt(warp, lane, address + length);
      if (next == 0) {
        break;
      }
      bytes[length++] = (byte) next;
    }
    return new String(bytes, 0, length, StandardCharsets.UTF_8);
  }
}
