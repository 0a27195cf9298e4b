package dev.warpwright.cuda;

import dev.warpwright.cuda.runtime.CudaDevice;
import dev.warpwright.cuda.runtime.CudaEvent;
import dev.warpwright.cuda.runtime.CudaStream;
import dev.warpwright.cuda.runtime.DeviceBuffer;
import dev.warpwright.cuda.runtime.PinnedBuffer;
import dev.warpwright.kernels.Resource;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Where host tensors lie on the device during a run. Plans reserve what they need at most when they
 * are made; all share it, because the runs of a device follow each other on its stream.
 *
 * <p>Copies go through two halves of pinned memory in turn: one is filled while the other is
 * copied, and the caller's memory is free when a call returns.
 */
final class Staging implements Resource {
  /** Enough for loads of every width, and for whole sectors. */
  static final long ALIGNMENT = 64;

  private static final long HALF = 1 << 20;
  private static final String HOLDER = "staging of host tensors";

  private final CudaDevice device;
  private final CudaStream stream;
  private final PinnedBuffer pinned;
  private final @Nullable CudaEvent[] done = new CudaEvent[2];
  private @Nullable DeviceBuffer area;
  private long cursor;
  private int half;

  /** The bytes {@code [0, filled)} of the half belong to {@code [window, window + filled)}. */
  private long window;

  private long filled;

  /** Whether a graph is being captured, of which copies from and to the host cannot be a part. */
  private boolean refusing;

  Staging(CudaDevice device, CudaStream stream) {
    this.device = device;
    this.stream = stream;
    pinned = device.allocatePinned(2 * HALF, HOLDER);
    try {
      done[0] = device.newEvent();
      done[1] = device.newEvent();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  static long aligned(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  /** Makes sure that a run can stage this many bytes. */
  void reserve(long bytes) {
    DeviceBuffer old = area;
    if (bytes == 0 || (old != null && old.bytes() >= bytes)) {
      return;
    }
    area = device.allocate(bytes, HOLDER);
    if (old != null) {
      old.close();
    }
  }

  /** Forgets what was staged, for the next run. */
  void restart() {
    cursor = 0;
    filled = 0;
  }

  /** Whether to refuse host memory from now on. */
  void refuse(boolean host) {
    refusing = host;
  }

  private void requireNoCapture() {
    if (refusing) {
      throw new IllegalStateException("a run that is captured has a host tensor");
    }
  }

  /** Room for a tensor; its offset. */
  private long take(long bytes) {
    requireNoCapture();
    long offset = cursor;
    cursor = offset + aligned(bytes);
    DeviceBuffer room = area;
    if (room == null || cursor > room.bytes()) {
      throw new IllegalStateException(
          "a plan stages "
              + cursor
              + " bytes and has reserved "
              + (room == null ? 0 : room.bytes()));
    }
    return offset;
  }

  private DeviceBuffer area() {
    DeviceBuffer room = area;
    if (room == null) {
      throw new IllegalStateException("nothing is reserved");
    }
    return room;
  }

  /** Brings host memory to the device; its address there. The copy is under way after a flush. */
  long in(MemorySegment host) {
    long offset = take(host.byteSize());
    long copied = 0;
    while (copied < host.byteSize()) {
      if (filled == 0) {
        window = offset + copied;
        done[half].synchronise();
      }
      long at = offset + copied - window;
      if (at >= HALF) {
        flush();
        continue;
      }
      long count = Math.min(HALF - at, host.byteSize() - copied);
      MemorySegment.copy(host, copied, pinned.segment(), half * HALF + at, count);
      filled = at + count;
      copied += count;
    }
    return area().address() + offset;
  }

  /** Room for a result; its address on the device. */
  long out(long bytes) {
    flush(); // a window never covers a result
    return area().address() + take(bytes);
  }

  /** Enqueues the copies of all that was brought in. */
  void flush() {
    if (filled > 0) {
      area().copyFrom(window, pinned.segment().asSlice(half * HALF, filled), stream);
      next();
    }
  }

  private void next() {
    done[half].record(stream);
    half ^= 1;
    filled = 0;
  }

  /** Copies a staged result to host memory, and returns when it is there. */
  void back(long address, MemorySegment host) {
    copy(area(), address - area().address(), host);
  }

  /** Enqueues a copy to the device; host memory has been read when this returns. */
  void copy(MemorySegment host, DeviceBuffer to, long offset) {
    requireNoCapture();
    for (long copied = 0; copied < host.byteSize(); copied += HALF) {
      long count = Math.min(HALF, host.byteSize() - copied);
      done[half].synchronise();
      MemorySegment piece = pinned.segment().asSlice(half * HALF, count);
      MemorySegment.copy(host, copied, piece, 0, count);
      to.copyFrom(offset + copied, piece, stream);
      next();
    }
  }

  /** Copies from the device, and returns when it is done. */
  void copy(DeviceBuffer from, long offset, MemorySegment host) {
    requireNoCapture();
    long pieces = Math.ceilDiv(host.byteSize(), HALF);
    for (long piece = 0; piece <= pieces; piece++) {
      if (piece < pieces) {
        from.copyTo(offset + piece * HALF, pinnedPiece(piece, host), stream);
        done[(int) (piece & 1)].record(stream);
      }
      if (piece > 0) {
        done[(int) (piece - 1 & 1)].synchronise();
        MemorySegment source = pinnedPiece(piece - 1, host);
        MemorySegment.copy(source, 0, host, (piece - 1) * HALF, source.byteSize());
      }
    }
  }

  private MemorySegment pinnedPiece(long piece, MemorySegment host) {
    long count = Math.min(HALF, host.byteSize() - piece * HALF);
    return pinned.segment().asSlice((piece & 1) * HALF, count);
  }

  @Override
  public void close() {
    Resources.close(area, done[1], done[0], pinned);
  }
}
