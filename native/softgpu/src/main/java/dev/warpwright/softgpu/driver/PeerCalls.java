package dev.warpwright.softgpu.driver;

import dev.warpwright.softgpu.CudaResult;
import dev.warpwright.softgpu.driver.Graph.Kind;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * Several devices: each can reach the memory of others of its generation. Copies find their devices
 * by the addresses; kernels need {@code cuCtxEnablePeerAccess} first.
 */
final class PeerCalls {
  private static final int LAST_ATTRIBUTE = 4;
  private static final int ACCESS_SUPPORTED = 2;
  private static final int NATIVE_ATOMICS = 3;

  private final Driver driver;

  PeerCalls(Driver driver) {
    this.driver = driver;
  }

  @CudaEntry("cuDeviceCanAccessPeer")
  void canAccess(MemorySegment can, int device, int peer) {
    CMemory.putInt(can, canAccess(driver.device(device), driver.device(peer)) ? 1 : 0);
  }

  /** The same major compute capability is documented as needed. */
  private static boolean canAccess(Device device, Device peer) {
    return device != peer && device.profile().major() == peer.profile().major();
  }

  @CudaEntry("cuDeviceGetP2PAttribute")
  void attribute(MemorySegment value, int attribute, int device, int peer) {
    CudaFailure.require(attribute >= 1 && attribute <= LAST_ATTRIBUTE);
    Device from = driver.device(device);
    Device to = driver.device(peer);
    CudaFailure.require(from != to, CudaResult.INVALID_DEVICE);
    boolean asksForAccess = attribute == ACCESS_SUPPORTED || attribute == NATIVE_ATOMICS;
    CMemory.putInt(value, asksForAccess && canAccess(from, to) ? 1 : 0);
  }

  @CudaEntry("cuCtxEnablePeerAccess")
  void enable(long peer, int flags) {
    Context context = driver.context();
    CudaFailure.require(flags == 0);
    Context other = context(peer);
    CudaFailure.require(other != context, CudaResult.INVALID_CONTEXT);
    CudaFailure.require(
        canAccess(context.device(), other.device()), CudaResult.PEER_ACCESS_UNSUPPORTED);
    CudaFailure.require(context.addPeer(other), CudaResult.PEER_ACCESS_ALREADY_ENABLED);
  }

  @CudaEntry("cuCtxDisablePeerAccess")
  void disable(long peer) {
    Context context = driver.context();
    Context other = context(peer);
    context.synchronise();
    CudaFailure.require(context.removePeer(other), CudaResult.PEER_ACCESS_NOT_ENABLED);
  }

  /** Queued; comes after all pending work of the three contexts, and before all later work. */
  @CudaEntry("cuMemcpyPeer")
  void copy(long to, long toContext, long from, long fromContext, long bytes) {
    driver.requireNoCapture();
    Context current = driver.context();
    Copy copy = copy(to, context(toContext), from, context(fromContext), bytes);
    Set<Context> ordered = new LinkedHashSet<>();
    Collections.addAll(ordered, current, context(toContext), context(fromContext));
    CudaStream stream = current.legacyStream();
    ordered.forEach(context -> context.streams().forEach(s -> stream.waitFor(s.last())));
    Work work = current.submit(stream, Kind.COPY, copy::run);
    ordered.forEach(context -> context.streams().forEach(s -> s.waitFor(work)));
  }

  @CudaEntry("cuMemcpyPeerAsync")
  void copyAsync(long to, long toContext, long from, long fromContext, long bytes, long stream) {
    CudaStream ordered = driver.stream(stream);
    Copy copy = copy(to, context(toContext), from, context(fromContext), bytes);
    ordered.context().submit(ordered, Kind.COPY, copy::run);
  }

  private Copy copy(long to, Context target, long from, Context source, long bytes) {
    return new Copy(
        place(target, to, bytes), place(source, from, bytes), bytes, bytes == 0 ? 0 : 1);
  }

  /** Memory of the device of a context; INVALID_VALUE if the range is not there. */
  private Copy.OnDevice place(Context context, long address, long bytes) {
    CudaFailure.require(bytes >= 0);
    Device device = bytes == 0 ? context.device() : driver.deviceOf(address, bytes);
    CudaFailure.require(device == context.device());
    return new Copy.OnDevice(device.memory(), address, bytes);
  }

  private Context context(long handle) {
    Context context = driver.handles().get(handle, Context.class, CudaResult.INVALID_CONTEXT);
    context.device().requirePresent();
    return context;
  }
}
