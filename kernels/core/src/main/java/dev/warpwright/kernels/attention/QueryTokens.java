package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import java.util.Arrays;
import java.util.BitSet;

/** The query tokens of a batch: how many each request brings, and their logical positions. */
final class QueryTokens {
  private int requests;
  private int requestsSet;
  private int[] tokenStart = new int[2];
  private int[] firstPosition = new int[1];

  /** Positions of the tokens of requests that give each its own, by token. */
  private int[] tokenPositions = new int[0];

  private final BitSet scattered = new BitSet();

  /** Forgets all and starts a batch of {@code count} requests. */
  void begin(int count) {
    requests = count;
    requestsSet = 0;
    if (tokenStart.length < count + 1) {
      tokenStart = new int[count + 1];
      firstPosition = new int[count];
    }
    tokenStart[0] = 0;
    scattered.clear();
  }

  /** Adds a request whose tokens follow each other. */
  void add(int newTokens, int position) {
    requireRoom();
    Checks.between("newTokens", newTokens, 0, Integer.MAX_VALUE - tokenStart[requestsSet]);
    Checks.between("position", position, 0, Integer.MAX_VALUE - newTokens);
    firstPosition[requestsSet] = position;
    tokenStart[requestsSet + 1] = tokenStart[requestsSet] + newTokens;
    requestsSet++;
  }

  /** Adds a request whose tokens have positions of their own. */
  void add(int[] positions) {
    requireRoom();
    Checks.notNull("positions", positions);
    int start = tokenStart[requestsSet];
    Checks.that(
        positions.length <= Integer.MAX_VALUE - 8 - start,
        "positions.length",
        positions.length,
        "at most 2^31 tokens in all requests");
    for (int i = 0; i < positions.length; i++) {
      Checks.between("positions[" + i + "]", positions[i], 0, Integer.MAX_VALUE - 1);
    }
    if (tokenPositions.length < start + positions.length) {
      tokenPositions = Arrays.copyOf(tokenPositions, start + positions.length);
    }
    System.arraycopy(positions, 0, tokenPositions, start, positions.length);
    scattered.set(requestsSet);
    firstPosition[requestsSet] = positions.length == 0 ? 0 : positions[0];
    tokenStart[requestsSet + 1] = start + positions.length;
    requestsSet++;
  }

  private void requireRoom() {
    if (requestsSet == requests) {
      throw new IllegalStateException(
          "all " + requests + " requests of the batch are there already");
    }
  }

  /** Requests that are there already. */
  int requestsSet() {
    return requestsSet;
  }

  /** Tokens of the requests before {@code request}. */
  int start(int request) {
    return tokenStart[request];
  }

  /** Tokens of {@code request}. */
  int count(int request) {
    return tokenStart[request + 1] - tokenStart[request];
  }

  /** Position of the first token of {@code request}. */
  int firstPosition(int request) {
    return firstPosition[request];
  }

  /** Position of token {@code index} of {@code request}. */
  int position(int request, int index) {
    return scattered.get(request)
        ? tokenPositions[tokenStart[request] + index]
        : firstPosition[request] + index;
  }

  /** The position behind the last of a request's tokens. */
  int nextPosition(int request) {
    if (!scattered.get(request)) {
      return firstPosition[request] + count(request);
    }
    int next = 0;
    for (int i = 0; i < count(request); i++) {
      next = Math.max(next, position(request, i) + 1);
    }
    return next;
  }

  /** Whether the tokens of some request have positions of their own. */
  boolean hasOwnPositions() {
    return !scattered.isEmpty();
  }
}
