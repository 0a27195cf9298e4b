package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.sim.DeviceMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A copy of rows between two places, which were checked by whoever made them.
 *
 * @param to where the first row goes
 * @param from where the first row comes from
 * @param width bytes of a row
 * @param height number of rows
 */
record Copy(Place to, Place from, long width, long height) {
  /** One end of a copy. */
  sealed interface Place {}

  /**
   * Host memory.
   *
   * @param bytes all rows
   * @param pitch bytes from row to row
   */
  record Host(MemorySegment bytes, long pitch) implements Place {
    MemorySegment row(long row, long width) {
      return bytes.asSlice(row * pitch, width);
    }
  }

  /**
   * Device memory.
   *
   * @param memory where
   * @param address first byte
   * @param pitch bytes from row to row
   */
  record OnDevice(DeviceMemory memory, long address, long pitch) implements Place {
    long row(long row) {
      return address + row * pitch;
    }
  }

  /** Bytes from the first to beyond the last one of a place. */
  static long extent(long pitch, long width, long height) {
    CudaFailure.require(width >= 0 && height >= 0);
    if (width == 0 || height == 0) {
      return 0;
    }
    CudaFailure.require(height == 1 || pitch >= width);
    CudaFailure.require(height == 1 || pitch <= (Long.MAX_VALUE - width) / (height - 1));
    return (height - 1) * pitch + width;
  }

  /** The same copy from a private copy of the host's bytes as they are now. */
  Copy staged() {
    if (!(from instanceof Host host)) {
      return this;
    }
    MemorySegment staging = Arena.ofAuto().allocate(Math.max(1, host.bytes.byteSize()));
    staging.copyFrom(host.bytes);
    return new Copy(to, new Host(staging, host.pitch), width, height);
  }

  void run() {
    try {
      for (long row = 0; row < height; row++) {
        copyRow(row);
      }
    } catch (IllegalArgumentException e) {
      // Memory that was there when the copy was queued is gone.
      throw new LaunchFailure(CudaResult.ILLEGAL_ADDRESS, true);
    }
  }

  private void copyRow(long row) {
    switch (to) {
      case Host target -> {
        MemorySegment bytes = target.row(row, width);
        switch (from) {
          case Host source -> bytes.copyFrom(source.row(row, width));
          case OnDevice source -> source.memory.copyOut(source.row(row), bytes);
        }
      }
      case OnDevice target -> {
        switch (from) {
          case Host source -> target.memory.copyIn(target.row(row), source.row(row, width));
          case OnDevice source ->
              target.memory.copy(target.row(row), source.memory, source.row(row), width);
        }
      }
    }
  }
}
